import type { Counters, PlayStats } from '@/player/stats'

/** In what form a picture comes to this browser. */
export type PlayForm = 'whep' | 'fmp4'

/** What to open, and by which form. */
export interface PlayTarget {
  form: PlayForm
  url: string
  /** Key pictures will do, where nothing more is to be had. */
  onlyKeyPictures: boolean
}

/** A connection that broke, or did not come about. */
export class ConnectionLostError extends Error {
  override readonly name = 'ConnectionLostError'
}

/** One channel on its way to a video element, whatever the form. */
export interface PlayConnection {
  readonly form: PlayForm
  /** The server's name of this viewer, where it is told. */
  readonly viewerId: string | null
  /** Rejects when the connection breaks; pending until then. */
  readonly lost: Promise<never>
  /** Shows it there. */
  attach(video: HTMLVideoElement): void
  /** What has come since `before`; null while nothing is known. */
  read(before: Counters | null): Promise<{ stats: PlayStats; counters: Counters } | null>
  /** Leaves. Never throws; a second call does nothing. */
  close(): Promise<void>
}
