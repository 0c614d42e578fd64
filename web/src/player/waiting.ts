/** Waits; an abort ends it with an `AbortError`. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer)
      reject(new DOMException('aborted', 'AbortError'))
    }
    if (signal.aborted) return reject(new DOMException('aborted', 'AbortError'))
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', abort)
      resolve()
    }, ms)
    signal.addEventListener('abort', abort, { once: true })
  })
}

const DELAYS_S = [1, 2, 4, 8, 15, 30]

/** Seconds before the next try, after so many in a row that failed. */
export function backOffS(failures: number): number {
  return DELAYS_S[Math.min(failures, DELAYS_S.length) - 1] ?? 1
}

/** A bell that one side rings and the other waits for; a ring without a listener is kept. */
export class Bell {
  private isRung = false
  private readonly listeners = new Set<() => void>()

  ring(): void {
    this.isRung = this.listeners.size === 0
    for (const listener of this.listeners) listener()
  }

  /** Until it is rung, or the time is over; an abort of `signal` throws. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    const waiting = new AbortController()
    const stop = (): void => waiting.abort()
    if (this.isRung) stop()
    this.isRung = false
    signal.addEventListener('abort', stop, { once: true })
    this.listeners.add(stop)
    try {
      if (!signal.aborted) await pause(ms, waiting.signal)
    } catch {
      // rung, or aborted: told apart below
    } finally {
      this.listeners.delete(stop)
      signal.removeEventListener('abort', stop)
    }
    if (signal.aborted) throw new DOMException('aborted', 'AbortError')
  }
}
