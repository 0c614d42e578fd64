import type { TileChannel } from '@/stores/grid'

const KIND = 'application/x-vms-channel'

/** Puts a channel on the pointer. */
export function writeDragged(transfer: DataTransfer, channel: TileChannel): void {
  transfer.setData(KIND, JSON.stringify(channel))
  transfer.effectAllowed = 'copyMove'
}

/** Whether what hovers is one of our channels; its value can be read only when it is dropped. */
export function isDragged(transfer: DataTransfer | null): boolean {
  return transfer?.types.includes(KIND) ?? false
}

/** The channel that was dropped. */
export function readDragged(transfer: DataTransfer | null): TileChannel | null {
  const text = transfer?.getData(KIND)
  return text ? (JSON.parse(text) as TileChannel) : null
}
