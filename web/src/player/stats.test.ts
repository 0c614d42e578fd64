import { describe, expect, it } from 'vitest'
import { readStats } from '@/player/stats'

function report(values: Record<string, number>): RTCStatsReport {
  return new Map<string, object>([
    ['codec', { id: 'codec', type: 'codec', mimeType: 'video/H264' }],
    ['audio', { id: 'audio', type: 'inbound-rtp', kind: 'audio', bytesReceived: 5 }],
    ['video', { id: 'video', type: 'inbound-rtp', kind: 'video', codecId: 'codec', ...values }],
  ])
}

describe('readStats', () => {
  it('makes rates of the counters of two reports', () => {
    const first = readStats(
      report({ timestamp: 1_000, bytesReceived: 1_000, packetsReceived: 10, packetsLost: 0 }),
      null,
    )
    const second = readStats(
      report({
        timestamp: 3_000,
        bytesReceived: 501_000,
        packetsReceived: 109,
        packetsLost: 1,
        frameWidth: 640,
        frameHeight: 360,
        framesPerSecond: 25,
      }),
      first?.counters ?? null,
    )

    expect(first?.stats.bitrateBps).toBe(0)
    expect(second?.stats).toEqual({
      width: 640,
      height: 360,
      framesPerSecond: 25,
      codec: 'H264',
      bitrateBps: 2_000_000,
      lostPercent: 1,
      framesDropped: 0,
    })
  })

  it('has nothing to say without a picture', () => {
    expect(readStats(new Map(), null)).toBeNull()
  })
})
