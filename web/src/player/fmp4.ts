import { ConnectionLostError, type PlayConnection } from '@/player/connection'
import { PlayError, type Cause } from '@/player/failure'
import { keepAtEdge } from '@/player/liveEdge'
import type { Counters, PlayStats } from '@/player/stats'

/** What of the browser the client uses; tests give their own. */
export interface Fmp4Tools {
  openSocket: (url: string) => WebSocket
  createSource: () => MediaSource
  canPlay: (mime: string) => boolean
  addressOf: (source: MediaSource) => string
  forget: (address: string) => void
}

const browser: Fmp4Tools = {
  openSocket: (url) => new WebSocket(url),
  createSource: () => new MediaSource(),
  canPlay: (mime) => MediaSource.isTypeSupported(mime),
  addressOf: (source) => URL.createObjectURL(source),
  forget: (address) => URL.revokeObjectURL(address),
}

const FIRST_WORD_LIMIT_MS = 15_000
const WAITING_LIMIT_BYTES = 16 * 1024 * 1024
const LOOK_EVERY_MS = 250
const KEPT_S = 10

/** What goes into a source buffer, in order: bytes, or from here on another kind of them. */
type Piece = ArrayBuffer | { mime: string }

/** What a text message says: the kind of media that follows, or where else to ask for it. */
function readWord(text: string): { mime: string } | { location: string } {
  const told: unknown = JSON.parse(text)
  if (typeof told === 'object' && told !== null) {
    if ('mime' in told && typeof told.mime === 'string') return { mime: told.mime }
    if ('location' in told && typeof told.location === 'string') return { location: told.location }
  }
  throw new Error(`no kind of media in ${text.slice(0, 100)}`)
}

const MOVED = 4307
const NORMAL = 1000

/** By the code that a refusal is closed with: 4000 and the HTTP status. */
const CAUSE_OF_CODE: Readonly<Record<number, Cause>> = {
  4401: 'unauthenticated',
  // Its token was used up or has run out: whoever may watch gets another one.
  4403: 'not_admitted',
  // The stream was there when its URL was made.
  4404: 'ended',
  4503: 'exhausted',
  4504: 'no_media',
}

function causeOfClose(code: number, reason: string): Cause | null {
  if (reason === 'no_transcoder') return 'exhausted_transcoders'
  if (code === NORMAL) return 'disconnected'
  return CAUSE_OF_CODE[code] ?? null
}

function errorOfClose(code: number, reason: string): Error {
  const cause = causeOfClose(code, reason)
  return cause === null
    ? new ConnectionLostError(reason || `WebSocket ${code}`)
    : new PlayError(cause, reason)
}

/** A source buffer takes another kind of pictures, and never one track more or less. */
function trackCount(mime: string): number {
  return mime.split(',').length
}

/** Feeds pieces into the source buffer one by one, and lets go of what has been seen. */
class Feeder {
  private readonly waiting: Piece[] = []
  private waitingBytes = 0
  private buffer: SourceBuffer | null = null
  video: HTMLVideoElement | null = null

  constructor(
    private readonly source: MediaSource,
    private readonly fail: (why: string) => void,
  ) {
    source.addEventListener('sourceopen', () => this.feed())
  }

  add(piece: Piece): void {
    this.waiting.push(piece)
    if (piece instanceof ArrayBuffer) {
      this.waitingBytes += piece.byteLength
      if (this.waitingBytes > WAITING_LIMIT_BYTES) this.fail('this browser takes the pictures too slowly')
    }
    this.feed()
  }

  private feed(): void {
    try {
      while (this.source.readyState === 'open' && !this.buffer?.updating && this.waiting.length > 0) {
        if (this.buffer !== null && this.trim(this.buffer)) return
        const piece = this.waiting.shift()
        if (piece === undefined) return
        if (piece instanceof ArrayBuffer) {
          this.waitingBytes -= piece.byteLength
          this.buffer?.appendBuffer(piece)
        } else if (this.buffer === null) {
          this.buffer = this.source.addSourceBuffer(piece.mime)
          this.buffer.addEventListener('updateend', () => this.feed())
          this.buffer.addEventListener('error', () => this.fail('the pictures cannot be read'))
        } else {
          this.buffer.changeType(piece.mime)
        }
      }
    } catch (error) {
      this.fail(error instanceof Error ? error.message : String(error))
    }
  }

  private trim(buffer: SourceBuffer): boolean {
    const seen = this.video?.currentTime ?? 0
    if (buffer.buffered.length === 0 || buffer.buffered.start(0) > seen - 2 * KEPT_S) return false
    buffer.remove(0, seen - KEPT_S)
    return true
  }
}

/**
 * Plays fragmented MP4 over a WebSocket: a text message tells what kind of media follows, binary
 * ones are the beginning and the pictures; another text message announces another kind. Where the
 * stream lives in another process, a text message says where, and is followed once.
 *
 * Throws `PlayError` where this browser cannot play that kind; aborting `signal` leaves nothing.
 */
export async function openFmp4(
  url: string,
  signal: AbortSignal,
  tools: Fmp4Tools = browser,
): Promise<PlayConnection> {
  const source = tools.createSource()
  const address = tools.addressOf(source)
  const counters = { bytes: 0, messages: 0 }
  let mime = ''
  let video: HTMLVideoElement | null = null
  let timer: ReturnType<typeof setInterval> | undefined
  let isClosed = false
  let socket: WebSocket | null = null
  let lose: (error: Error) => void = () => undefined
  const lost = new Promise<never>((_resolve, reject) => (lose = reject))
  lost.catch(() => undefined) // it may break before anybody waits for it
  const feeder = new Feeder(source, (why) => lose(new ConnectionLostError(why)))
  const first = new Promise<void>((resolve, reject) => {
    const fail = (error: Error): void => {
      lose(error)
      reject(error)
    }

    function announce(told: string): void {
      if (mime !== '' && trackCount(mime) !== trackCount(told)) throw new PlayError('moved')
      mime = told
      if (!tools.canPlay(mime)) throw new PlayError('browser_no_codec', mime)
      feeder.add({ mime })
      resolve()
    }

    function connect(address: string, isFollowing: boolean): WebSocket {
      const opened = tools.openSocket(address)
      opened.binaryType = 'arraybuffer'
      let elsewhere: string | null = null
      opened.addEventListener('message', ({ data }: MessageEvent<string | ArrayBuffer>) => {
        counters.messages += 1
        if (typeof data !== 'string') {
          counters.bytes += data.byteLength
          feeder.add(data)
          return
        }
        try {
          const word = readWord(data)
          if ('mime' in word) announce(word.mime)
          else elsewhere = word.location
        } catch (error) {
          fail(error as Error)
        }
      })
      opened.addEventListener('close', ({ code, reason }) => {
        if (isClosed) return
        if (code !== MOVED || elsewhere === null || isFollowing) return fail(errorOfClose(code, reason))
        try {
          socket = connect(elsewhere, true)
        } catch (error) {
          fail(error as Error)
        }
      })
      return opened
    }

    socket = connect(url, false)
    signal.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')), { once: true })
    setTimeout(() => reject(new PlayError('no_frames')), FIRST_WORD_LIMIT_MS)
  })

  function close(): Promise<void> {
    if (isClosed) return Promise.resolve()
    isClosed = true
    clearInterval(timer)
    socket?.close()
    if (video !== null) {
      video.removeAttribute('src')
      video.load()
      video.playbackRate = 1
    }
    tools.forget(address)
    return Promise.resolve()
  }

  function attach(element: HTMLVideoElement): void {
    video = feeder.video = element
    element.src = address
    timer = setInterval(() => keepAtEdge(element), LOOK_EVERY_MS)
  }

  function read(before: Counters | null): Promise<{ stats: PlayStats; counters: Counters } | null> {
    if (video === null) return Promise.resolve(null)
    const now: Counters = { atMs: performance.now(), bytes: counters.bytes, packets: counters.messages, lost: 0 }
    const seconds = before === null ? 0 : (now.atMs - before.atMs) / 1_000
    const quality = video.getVideoPlaybackQuality()
    const frames = quality.totalVideoFrames
    const stats: PlayStats = {
      width: video.videoWidth,
      height: video.videoHeight,
      framesPerSecond: seconds > 0 ? Math.max(0, frames - (before?.frames ?? 0)) / seconds : 0,
      codec: /codecs="?([^",]+)/.exec(mime)?.[1] ?? '',
      bitrateBps: seconds > 0 ? ((now.bytes - (before?.bytes ?? 0)) * 8) / seconds : 0,
      lostPercent: 0,
      framesDropped: quality.droppedVideoFrames,
    }
    return Promise.resolve({ stats, counters: { ...now, frames } })
  }

  try {
    await first
  } catch (error) {
    await close()
    throw error
  }
  return { form: 'fmp4', viewerId: null, lost, attach, read, close }
}
