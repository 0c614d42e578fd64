import { describe, expect, it } from 'vitest'
import { divisionItems, divisionWords, flat, isWithin, movesFor, wayTo, type Branch, type Division } from '@/inventory/trees'

function branch(group_id: string, parent_id: string, position: number, children: Branch[] = []): Branch {
  const counts = { own_channels: 0, channels: 3, online_channels: 2 }
  return { group_id, name: group_id.toUpperCase(), parent_id, position, children, ...counts }
}

const TREE = [
  branch('a', '', 0, [branch('a1', 'a', 0, [branch('a11', 'a1', 0)]), branch('a2', 'a', 1)]),
  branch('b', '', 1),
  branch('c', '', 2),
]
const KNOWN = flat(TREE, (node) => node.group_id)

describe('the tree of our own', () => {
  it('knows the way down to a node', () => {
    expect(wayTo(KNOWN, 'a11')).toBe('A / A1 / A11')
    expect(wayTo(KNOWN, 'gone')).toBe('')
    expect(isWithin(KNOWN, 'a11', 'a')).toBe(true)
    expect(isWithin(KNOWN, 'b', 'a')).toBe(false)
  })

  it('hangs a node last into another', () => {
    expect(movesFor(TREE, 'c', 'a', 'inside')).toEqual([{ group_id: 'c', parent_id: 'a', position: 2 }])
    expect(movesFor(TREE, 'a2', '', 'inside')).toEqual([{ group_id: 'a2', parent_id: '', position: 3 }])
  })

  it('puts a node before another and counts those after it anew', () => {
    expect(movesFor(TREE, 'c', 'a', 'before')).toEqual([
      { group_id: 'c', parent_id: '', position: 0 },
      { group_id: 'a', parent_id: '', position: 1 },
      { group_id: 'b', parent_id: '', position: 2 },
    ])
    expect(movesFor(TREE, 'a', 'b', 'after')).toEqual([
      { group_id: 'a', parent_id: '', position: 1 },
      { group_id: 'b', parent_id: '', position: 0 },
    ])
  })

  it('never hangs a node below itself', () => {
    expect(movesFor(TREE, 'a', 'a11', 'inside')).toBeNull()
    expect(movesFor(TREE, 'a', 'a2', 'after')).toBeNull()
    expect(movesFor(TREE, 'a', 'a', 'inside')).toBeNull()
  })
})

describe('regions', () => {
  const below: Division = {
    ...{ code: '34020301', name: 'Riverside', level: 'unit', children: [] },
    ...{ channels: 2, online_channels: 1 },
  }
  const known = new Map([[below.code, below]])

  it('are told by country, and by us below the county', () => {
    const told = { division: '34020301', division_name: 'Anhui Wuhu' }

    expect(divisionWords(told, known)).toBe('Anhui Wuhu Riverside')
    expect(divisionWords({ ...told, division: '340203' }, known)).toBe('Anhui Wuhu')
    expect(divisionWords({ division: '99', division_name: '' }, known)).toBe('')
  })

  it('have their code in the tree, and words where there is none', () => {
    const nowhere = { ...below, code: '', name: '', channels: 7 }

    expect(divisionItems([below, nowhere], 'nobody told').map(({ label }) => label)).toEqual([
      'Riverside 34020301',
      'nobody told',
    ])
  })
})
