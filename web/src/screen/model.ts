import type { Schemas } from '@/api/client'
import type { Period } from '@/figures/periods'

type Division = Schemas['Division']

const HOUR_MS = 3_600_000
const DAY_HOURS = 24

/** The last 24 whole hours and the one that runs. */
export function lastDay(now: Date): Period {
  const hour = Math.floor(now.getTime() / HOUR_MS)
  return { from: new Date((hour - DAY_HOURS) * HOUR_MS), to: new Date((hour + 1) * HOUR_MS) }
}

export interface RegionNow {
  code: string
  name: string
  channels: number
  online: number
  rate: number
}

/** Regions of a level with their instant rate, worst first; a branch that ends above counts where
 * it ends. */
export function regionsNow(divisions: readonly Division[], digits: number): RegionNow[] {
  const found: RegionNow[] = []
  const walk = (nodes: readonly Division[]): void => {
    for (const node of nodes) {
      if (node.code.length < digits && node.children.length > 0) walk(node.children)
      else if (node.channels > 0) {
        const { code, name, channels, online_channels: online } = node
        found.push({ code, name, channels, online, rate: online / channels })
      }
    }
  }
  walk(divisions)
  return found.sort((one, other) => one.rate - other.rate || one.code.localeCompare(other.code))
}

/** One of the pages that a wall shows in turn. */
export function pageOf<T>(items: readonly T[], size: number, turn: number): T[] {
  const pages = Math.max(1, Math.ceil(items.length / size))
  const at = (turn % pages) * size
  return items.slice(at, at + size)
}
