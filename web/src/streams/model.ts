import type { Schemas, Session } from '@/api/client'

export type Watcher = Schemas['WatcherOut']

/** What this node takes on at most; null: as much as comes. */
export interface Limits {
  streams: number | null
  viewers: number | null
  outgoingBps: number | null
}

/** What all streams of this node are together. */
export interface Totals {
  streams: number
  viewers: number
  incomingBps: number
  outgoingBps: number
}

export function totals(sessions: readonly Session[]): Totals {
  const sum = (of: (session: Session) => number): number => sessions.reduce((all, each) => all + of(each), 0)
  return {
    streams: sessions.length,
    viewers: sum((each) => each.viewers),
    incomingBps: sum((each) => each.figures?.bitrate_bps ?? 0),
    outgoingBps: sum(outgoingBps),
  }
}

/** What a stream's viewers are sent. */
export function outgoingBps({ watching }: Session): number {
  return watching.reduce((all, { bitrate_bps: bps }) => all + bps, 0)
}

/** Of what the camera sent, in per cent; null before anything came. */
export function lossPercent({ figures }: Session): number | null {
  if (figures === null) return null
  const sent = figures.packets + figures.lost
  return sent === 0 ? null : (100 * figures.lost) / sent
}

/** Coding and size: H265 1920×1080. */
export function picture({ codec, width, height }: Session): string {
  const size = width === null || height === null ? '' : `${width}\u00d7${height}`
  return [codec?.toUpperCase(), size].filter(Boolean).join(' ')
}

export function isOver({ state }: Pick<Session, 'state'>): boolean {
  return state === 'closing' || state === 'closed'
}
