/** What the browser receives of one stream, over the last second or so. */
export interface PlayStats {
  width: number
  height: number
  framesPerSecond: number
  codec: string
  bitrateBps: number
  lostPercent: number
  framesDropped: number
}

/** The counters that rates are made of. */
export interface Counters {
  atMs: number
  bytes: number
  packets: number
  lost: number
  /** Pictures shown, where the browser does not make their rate itself. */
  frames?: number
}

interface InboundVideo {
  type: string
  kind?: string
  codecId?: string
  timestamp: number
  bytesReceived?: number
  packetsReceived?: number
  packetsLost?: number
  frameWidth?: number
  frameHeight?: number
  framesPerSecond?: number
  framesDropped?: number
}

/** Reads a report; `before` are the counters of the report before it. */
export function readStats(
  report: RTCStatsReport,
  before: Counters | null,
): { stats: PlayStats; counters: Counters } | null {
  let inbound: InboundVideo | undefined
  const codecs = new Map<string, string>()
  report.forEach((entry: InboundVideo & { id: string; mimeType?: string }) => {
    if (entry.type === 'inbound-rtp' && entry.kind === 'video') inbound = entry
    if (entry.type === 'codec' && entry.mimeType) codecs.set(entry.id, entry.mimeType)
  })
  if (inbound === undefined) return null
  const counters: Counters = {
    atMs: inbound.timestamp,
    bytes: inbound.bytesReceived ?? 0,
    packets: inbound.packetsReceived ?? 0,
    lost: Math.max(0, inbound.packetsLost ?? 0),
  }
  const seconds = before === null ? 0 : (counters.atMs - before.atMs) / 1_000
  const bytes = counters.bytes - (before?.bytes ?? 0)
  const lost = Math.max(0, counters.lost - (before?.lost ?? 0))
  const expected = counters.packets - (before?.packets ?? 0) + lost
  const mime = codecs.get(inbound.codecId ?? '') ?? ''
  return {
    counters,
    stats: {
      width: inbound.frameWidth ?? 0,
      height: inbound.frameHeight ?? 0,
      framesPerSecond: inbound.framesPerSecond ?? 0,
      codec: mime.replace(/^video\//, ''),
      bitrateBps: seconds > 0 ? (bytes * 8) / seconds : 0,
      lostPercent: expected > 0 ? (lost / expected) * 100 : 0,
      framesDropped: inbound.framesDropped ?? 0,
    },
  }
}
