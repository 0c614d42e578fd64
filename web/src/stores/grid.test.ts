import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, describe, expect, it } from 'vitest'
import { useGrid, type TileChannel } from '@/stores/grid'

const channel = (channelId: string): TileChannel => ({ deviceId: '1', channelId, name: channelId })

describe('the grid', () => {
  beforeEach(() => {
    localStorage.clear()
    setActivePinia(createPinia())
  })

  const ids = (): (string | undefined)[] => useGrid().tiles.slice(0, 4).map((tile) => tile?.channelId)

  it('fills the selected tile first, then the free ones in order', () => {
    const grid = useGrid()
    grid.selected = 2

    for (const id of ['a', 'b', 'c', 'd']) grid.play(channel(id))

    expect(ids()).toEqual(['c', 'd', 'a', 'b'])
  })

  it('plays over the selected tile when none is free', () => {
    const grid = useGrid()
    for (const id of ['a', 'b', 'c', 'd']) grid.play(channel(id))
    grid.selected = 1

    grid.play(channel('e'))

    expect(ids()).toEqual(['a', 'e', 'c', 'd'])
  })

  it('selects the tile in which a channel plays already', () => {
    const grid = useGrid()
    grid.play(channel('a'))
    grid.play(channel('b'))

    grid.play(channel('a'))

    expect(grid.selected).toBe(0)
    expect(ids()).toEqual(['a', 'b', undefined, undefined])
  })

  it('swaps two tiles when one is dropped on the other', () => {
    const grid = useGrid()
    grid.play(channel('a'))
    grid.play(channel('b'))

    grid.drop(0, channel('b'))

    expect(ids()).toEqual(['b', 'a', undefined, undefined])
  })

  it('shows the selected tile alone in the layout of one', () => {
    const grid = useGrid()
    grid.selected = 3

    grid.choose(1)

    expect(grid.visible).toEqual([3])
  })

  it('keeps the selection among the tiles that are shown, and the layout for the next visit', () => {
    const grid = useGrid()
    grid.choose(9)
    grid.selected = 8

    grid.choose(4)

    expect(grid.selected).toBe(0)
    setActivePinia(createPinia())
    expect(useGrid().layout).toBe(4)
  })
})
