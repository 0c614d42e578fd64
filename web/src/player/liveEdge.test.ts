import { describe, expect, it } from 'vitest'
import { keepAtEdge, type Playback } from '@/player/liveEdge'

function playback(currentTime: number, ...ranges: [number, number][]): Playback {
  const buffered = {
    length: ranges.length,
    start: (index: number) => ranges[index]?.[0] ?? NaN,
    end: (index: number) => ranges[index]?.[1] ?? NaN,
  }
  return { buffered, currentTime, playbackRate: 1 }
}

describe('keepAtEdge', () => {
  it('leaves a picture alone that is close to the newest one', () => {
    const video = playback(9.5, [0, 10])
    keepAtEdge(video)
    expect([video.currentTime, video.playbackRate]).toEqual([9.5, 1])
  })

  it('hurries until it has caught up', () => {
    const video = playback(9, [0, 10])
    keepAtEdge(video)
    expect(video.playbackRate).toBe(1.1)
    video.currentTime = 9.75
    keepAtEdge(video)
    expect(video.playbackRate).toBe(1)
  })

  it('lingers until it has something in hand', () => {
    const video = playback(9.95, [0, 10])
    keepAtEdge(video)
    expect(video.playbackRate).toBe(0.9)
    video.currentTime = 9.8
    keepAtEdge(video)
    expect(video.playbackRate).toBe(0.9)
    video.currentTime = 9.6
    keepAtEdge(video)
    expect(video.playbackRate).toBe(1)
  })

  it('jumps where hurrying would take too long', () => {
    const video = playback(2, [0, 10])
    keepAtEdge(video)
    expect(video.currentTime).toBeCloseTo(9.7)
  })

  it('jumps over a gap, and to where the pictures begin', () => {
    const gap = playback(9.9, [0, 10], [10.5, 10.6])
    keepAtEdge(gap)
    expect(gap.currentTime).toBe(10.5)
    const beginning = playback(0, [1.5, 1.6])
    keepAtEdge(beginning)
    expect(beginning.currentTime).toBe(1.5)
  })

  it('waits while nothing has come', () => {
    const video = playback(0)
    keepAtEdge(video)
    expect(video.currentTime).toBe(0)
  })
})
