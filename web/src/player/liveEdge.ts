/** So far behind the newest picture playing goes on a little faster, or jumps; or a little slower. */
const LINGER_BEHIND_S = 0.1
const TARGET_BEHIND_S = 0.3
const HURRY_BEHIND_S = 0.8
const JUMP_BEHIND_S = 3
const HURRY_RATE = 1.1
const LINGER_RATE = 0.9

/** What of a video element is looked at. */
export type Playback = Pick<HTMLVideoElement, 'buffered' | 'currentTime' | 'playbackRate'>

/** Keeps a live picture close to the newest one, and over gaps in what has come. */
export function keepAtEdge(video: Playback): void {
  const { buffered } = video
  if (buffered.length === 0) return
  const last = buffered.length - 1
  const behind = buffered.end(last) - video.currentTime
  if (behind > JUMP_BEHIND_S || video.currentTime < buffered.start(last)) {
    video.currentTime = Math.max(buffered.start(last), buffered.end(last) - TARGET_BEHIND_S)
    video.playbackRate = 1
  } else if (behind > HURRY_BEHIND_S) {
    video.playbackRate = HURRY_RATE
  } else if (behind < LINGER_BEHIND_S) {
    // Without anything in hand every picture that comes late is waited for.
    video.playbackRate = LINGER_RATE
  } else if ((video.playbackRate > 1) === (behind < TARGET_BEHIND_S)) {
    video.playbackRate = 1
  }
}
