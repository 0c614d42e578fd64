import { ApiError, networkProblem, problemOf } from '@/api/client'
import { ConnectionLostError, type PlayConnection, type PlayTarget } from '@/player/connection'
import { readStats } from '@/player/stats'

/** What of the browser the client uses; tests give their own. */
export interface WhepTools {
  fetch: typeof fetch
  createPeer: () => RTCPeerConnection
  language: () => string
}

const SDP = 'application/sdp'
/** The server's own attribute: key pictures are better than nothing. */
const KEY_PICTURES_WILL_DO = 'a=x-key-pictures\r\n'
const DISCONNECTED_LIMIT_MS = 5_000

const browser: WhepTools = {
  fetch: (input, init) => fetch(input, init),
  createPeer: () => new RTCPeerConnection({ bundlePolicy: 'max-bundle' }),
  language: () => document.documentElement.lang,
}

async function refusalOf(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => null)
  return new ApiError(problemOf(body, response.status))
}

function refuseAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new DOMException('aborted', 'AbortError')
}

/** Rejects when the peer connection fails, or stays disconnected. */
function lossOf(peer: RTCPeerConnection): Promise<never> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const lost = new Promise<never>((_resolve, reject) => {
    const fail = (): void => reject(new ConnectionLostError(peer.connectionState))
    peer.addEventListener('connectionstatechange', () => {
      clearTimeout(timer)
      if (peer.connectionState === 'failed' || peer.connectionState === 'closed') fail()
      if (peer.connectionState === 'disconnected') timer = setTimeout(fail, DISCONNECTED_LIMIT_MS)
    })
  })
  lost.catch(() => undefined) // it may break before anybody waits for it
  return lost
}

/**
 * Plays a WHEP address: offer by POST, answer and `Location` back,
 * DELETE of the location at the end.
 *
 * The server is ICE-lite and learns our address from our checks, so the offer goes without
 * candidates. Throws `ApiError` for a refusal; aborting `signal` leaves nothing behind.
 */
export async function openWhep(
  { url, onlyKeyPictures }: Omit<PlayTarget, 'form'>,
  signal: AbortSignal,
  tools: WhepTools = browser,
): Promise<PlayConnection> {
  const peer = tools.createPeer()
  const stream = new MediaStream()
  const lost = lossOf(peer)
  let location: string | null = null
  let video: HTMLVideoElement | null = null
  let isClosed = false

  async function close(): Promise<void> {
    if (isClosed) return
    isClosed = true
    peer.close()
    if (video !== null) video.srcObject = null
    if (location === null) return
    // keepalive: it is also sent when the page is being left.
    await tools
      .fetch(location, { method: 'DELETE', keepalive: true, credentials: 'same-origin' })
      .catch(() => undefined)
  }

  async function answerTo(offer: string): Promise<string> {
    let response: Response
    try {
      response = await tools.fetch(url, {
        method: 'POST',
        headers: { 'Content-Type': SDP, Accept: SDP, 'Accept-Language': tools.language() },
        body: offer,
        credentials: 'same-origin',
        signal,
      })
    } catch (error) {
      if (signal.aborted) throw error
      throw new ApiError(networkProblem(String(error)))
    }
    if (!response.ok) throw await refusalOf(response)
    const path = response.headers.get('Location')
    if (path !== null) location = new URL(path, new URL(url, window.location.href)).href
    return response.text()
  }

  peer.addEventListener('track', ({ track }) => stream.addTrack(track))
  try {
    peer.addTransceiver('video', { direction: 'recvonly' })
    peer.addTransceiver('audio', { direction: 'recvonly' })
    await peer.setLocalDescription(await peer.createOffer())
    const offer = peer.localDescription?.sdp ?? ''
    const sdp = await answerTo(onlyKeyPictures ? offer + KEY_PICTURES_WILL_DO : offer)
    refuseAborted(signal)
    await peer.setRemoteDescription({ type: 'answer', sdp })
    refuseAborted(signal)
  } catch (error) {
    await close()
    throw error
  }
  return {
    form: 'whep',
    viewerId: location === null ? null : (new URL(location).pathname.split('/').pop() ?? null),
    lost,
    attach: (element) => {
      video = element
      element.srcObject = stream
    },
    read: async (before) => readStats(await peer.getStats(), before),
    close,
  }
}
