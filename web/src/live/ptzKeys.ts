import type { Way } from '@/live/useSteering'

/** By `KeyboardEvent.key`: what is held may be let go under another one, so `code` tells that. */
const WAYS: Readonly<Record<string, Way>> = {
  ArrowUp: { tilt: 1 },
  ArrowDown: { tilt: -1 },
  ArrowLeft: { pan: -1 },
  ArrowRight: { pan: 1 },
  '+': { zoom: 1 },
  '=': { zoom: 1 },
  '-': { zoom: -1 },
}

/** Which of the keys that move a camera are held, and where to that is. */
export class HeldKeys {
  private readonly held = new Map<string, Way>()

  /** Whether it is one of ours. */
  press(event: Pick<KeyboardEvent, 'key' | 'code'>): boolean {
    const way = WAYS[event.key]
    if (way === undefined) return false
    this.held.set(event.code, way)
    return true
  }

  /** Whether it was held. */
  lift(event: Pick<KeyboardEvent, 'code'>): boolean {
    return this.held.delete(event.code)
  }

  clear(): void {
    this.held.clear()
  }

  /** All of them together, at that many per cent; null when none is held. */
  way(speed: number): Way | null {
    if (this.held.size === 0) return null
    const sum = { pan: 0, tilt: 0, zoom: 0 }
    for (const way of this.held.values()) {
      sum.pan += (way.pan ?? 0) * speed
      sum.tilt += (way.tilt ?? 0) * speed
      sum.zoom += (way.zoom ?? 0) * speed
    }
    return sum
  }
}
