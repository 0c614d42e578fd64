import type { Schemas } from '@/api/client'

type LedgerInterval = Schemas['LedgerInterval']
type CutInterval = Schemas['CutInterval']

/** A stretch of a channel's past: as it counts, as it was seen, and why. */
export interface Stretch {
  start: string
  end: string | null
  /** As it counts: approved exclusions laid over. */
  state: Schemas['State']
  /** As it was seen. */
  seen: Schemas['State']
  cause: LedgerInterval['cause']
}

/**
 * Lays what counts over what was seen. Both are without gap; the last interval of the ledger may
 * last still. Where nothing is told of what counts, what was seen does.
 */
export function overlaid(
  ledger: readonly LedgerInterval[],
  counted: readonly CutInterval[],
): Stretch[] {
  const stretches: Stretch[] = []
  for (const { start, end, state: seen, cause } of ledger) {
    let at = start
    const inside = counted.filter(
      (each) => time(each.end) > time(start) && (end === null || time(each.start) < time(end)),
    )
    for (const each of inside) {
      if (time(each.start) > time(at)) {
        stretches.push({ start: at, end: each.start, state: seen, seen, cause })
        at = each.start
      }
      const until = end !== null && time(end) < time(each.end) ? end : each.end
      stretches.push({ start: at, end: until, state: each.state, seen, cause })
      at = until
    }
    const last = stretches[stretches.length - 1]
    if (end === null && last !== undefined && inside.length > 0) last.end = null
    else if (inside.length === 0 || (end !== null && time(at) < time(end))) {
      stretches.push({ start: at, end, state: seen, seen, cause })
    }
  }
  return joined(stretches)
}

const time = (at: string): number => new Date(at).getTime()

function joined(stretches: readonly Stretch[]): Stretch[] {
  const found: Stretch[] = []
  for (const stretch of stretches) {
    const last = found[found.length - 1]
    const goesOn =
      last !== undefined &&
      last.end !== null &&
      time(last.end) === time(stretch.start) &&
      last.state === stretch.state &&
      last.seen === stretch.seen &&
      last.cause === stretch.cause &&
      last.state !== last.seen
    if (goesOn) last.end = stretch.end
    else found.push({ ...stretch })
  }
  return found
}
