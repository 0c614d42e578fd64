import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'

export const LAYOUTS = [1, 4, 9] as const
export type Layout = (typeof LAYOUTS)[number]

/** A channel in a tile, with the name it had when it was put there. */
export interface TileChannel {
  deviceId: string
  channelId: string
  name: string
}

const MOST = 9
const KEY = 'vms.layout'

function keptLayout(): Layout {
  const kept = Number(localStorage.getItem(KEY))
  return LAYOUTS.find((layout) => layout === kept) ?? 4
}

function isSame(one: TileChannel | null, other: TileChannel): boolean {
  return one?.deviceId === other.deviceId && one.channelId === other.channelId
}

/** Which channel plays in which tile. */
export const useGrid = defineStore('grid', () => {
  const layout = ref<Layout>(keptLayout())
  const tiles = shallowRef<(TileChannel | null)[]>(Array.from({ length: MOST }, () => null))
  const selected = ref(0)

  /** The tiles that are shown: with a single one it is the selected one. */
  const visible = computed(() =>
    layout.value === 1 ? [selected.value] : Array.from({ length: layout.value }, (_, i) => i),
  )

  function choose(wanted: Layout): void {
    layout.value = wanted
    localStorage.setItem(KEY, String(wanted))
    if (wanted > 1 && selected.value >= wanted) selected.value = 0
  }

  function put(index: number, channel: TileChannel | null): void {
    tiles.value = tiles.value.map((held, at) => (at === index ? channel : held))
  }

  /** Into the selected tile where it is free, else the next free one, else over the selected. */
  function play(channel: TileChannel): void {
    const shown = visible.value
    const already = shown.find((index) => isSame(tiles.value[index] ?? null, channel))
    if (already !== undefined) {
      selected.value = already
      return
    }
    const from = shown.indexOf(selected.value)
    const inOrder = [...shown.slice(from), ...shown.slice(0, from)]
    const free = inOrder.find((index) => tiles.value[index] === null) ?? selected.value
    put(free, channel)
    selected.value = free
  }

  /** Into that tile; what played there changes places when it came from another tile. */
  function drop(index: number, channel: TileChannel): void {
    const before = tiles.value.findIndex((held) => isSame(held, channel))
    const held = tiles.value[index] ?? null
    if (before >= 0 && before !== index) put(before, held)
    put(index, channel)
    selected.value = index
  }

  function close(index: number): void {
    put(index, null)
  }

  function closeAll(): void {
    tiles.value = tiles.value.map(() => null)
    selected.value = 0
  }

  return { layout, tiles, selected, visible, choose, play, drop, close, closeAll }
})
