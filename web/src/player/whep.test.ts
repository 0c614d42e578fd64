import { beforeEach, describe, expect, it, vi } from 'vitest'
import { ApiError } from '@/api/client'
import { ConnectionLostError } from '@/player/connection'
import { openWhep, type WhepTools } from '@/player/whep'

class FakePeer extends EventTarget {
  connectionState: RTCPeerConnectionState = 'new'
  localDescription: { sdp: string } | null = null
  answer = ''
  isClosed = false
  readonly kinds: string[] = []

  addTransceiver(kind: string, { direction }: RTCRtpTransceiverInit): void {
    this.kinds.push(`${kind} ${direction ?? ''}`)
  }
  createOffer(): Promise<{ sdp: string }> {
    return Promise.resolve({ sdp: 'offer' })
  }
  setLocalDescription(offer: { sdp: string }): Promise<void> {
    this.localDescription = offer
    return Promise.resolve()
  }
  setRemoteDescription({ sdp }: { sdp: string }): Promise<void> {
    this.answer = sdp
    return Promise.resolve()
  }
  getStats(): Promise<Map<string, unknown>> {
    const video = { id: 'v', type: 'inbound-rtp', kind: 'video', timestamp: 1, bytesReceived: 7 }
    return Promise.resolve(new Map([['v', video]]))
  }
  become(state: RTCPeerConnectionState): void {
    this.connectionState = state
    this.dispatchEvent(new Event('connectionstatechange'))
  }
  close(): void {
    this.isClosed = true
  }
}

class FakeStream {
  readonly tracks: unknown[] = []
  addTrack(track: unknown): void {
    this.tracks.push(track)
  }
}

function answering(response: Response) {
  const peer = new FakePeer()
  const asked: { url: string; init: RequestInit }[] = []
  const tools: WhepTools = {
    fetch: (url, init) => {
      asked.push({ url: String(url), init: init ?? {} })
      return Promise.resolve(init?.method === 'DELETE' ? new Response() : response)
    },
    createPeer: () => peer as unknown as RTCPeerConnection,
    language: () => 'en',
  }
  return { peer, asked, tools }
}

const created = (location: string | null): Response =>
  new Response('answer', { status: 201, headers: location === null ? {} : { Location: location } })

const asking = (url: string, onlyKeyPictures = false) => ({ url, onlyKeyPictures })

describe('openWhep', () => {
  beforeEach(() => void vi.stubGlobal('MediaStream', FakeStream))

  it('posts an offer for picture and sound and takes the answer', async () => {
    const { peer, asked, tools } = answering(created('/whep/7?token=t'))

    const connection = await openWhep(asking('/whep?token=a'), new AbortController().signal, tools)

    expect(peer.kinds).toEqual(['video recvonly', 'audio recvonly'])
    expect(asked[0]?.url).toBe('/whep?token=a')
    expect(asked[0]?.init.body).toBe('offer')
    expect(new Headers(asked[0]?.init.headers).get('content-type')).toBe('application/sdp')
    expect(peer.answer).toBe('answer')
    expect((await connection.read(null))?.counters.bytes).toBe(7)
    expect([connection.form, connection.viewerId]).toEqual(['whep', '7'])
  })

  it('says in the offer when key pictures will do', async () => {
    const { asked, tools } = answering(created(null))

    await openWhep(asking('/whep', true), new AbortController().signal, tools)

    expect(asked[0]?.init.body).toBe('offera=x-key-pictures\r\n')
  })

  it('ends the location once, with its token, when it is closed', async () => {
    const { peer, asked, tools } = answering(created('/api/whep/7?token=t'))
    const connection = await openWhep(asking('/api/whep'), new AbortController().signal, tools)

    await connection.close()
    await connection.close()

    const ends = asked.filter(({ init }) => init.method === 'DELETE')
    expect(ends.map(({ url }) => url)).toEqual([`${window.location.origin}/api/whep/7?token=t`])
    expect(ends[0]?.init.keepalive).toBe(true)
    expect(peer.isClosed).toBe(true)
  })

  it('closes without a location and without a word to the server', async () => {
    const { asked, tools } = answering(created(null))
    const connection = await openWhep(asking('/whep'), new AbortController().signal, tools)

    await connection.close()

    expect(asked).toHaveLength(1)
  })

  it('names the cause of a refusal and leaves no peer connection behind', async () => {
    const problem = { code: 'no_media', status: 502, detail: 'nothing came', facts: {} }
    const { peer, tools } = answering(Response.json(problem, { status: 502 }))

    const refused = openWhep(asking('/whep'), new AbortController().signal, tools)

    await expect(refused).rejects.toMatchObject({ problem: { code: 'no_media' } })
    expect(peer.isClosed).toBe(true)
  })

  it('takes a refusal that is no problem document for a fault of ours', async () => {
    const { tools } = answering(new Response('gateway', { status: 502 }))

    const refused = openWhep(asking('/whep'), new AbortController().signal, tools)

    await expect(refused).rejects.toMatchObject({ problem: { code: 'internal', status: 502 } })
  })

  it('says so when the server cannot be reached', async () => {
    const { tools } = answering(created(null))
    tools.fetch = () => Promise.reject(new TypeError('refused'))

    const refused = openWhep(asking('/whep'), new AbortController().signal, tools)

    await expect(refused).rejects.toBeInstanceOf(ApiError)
    await expect(refused).rejects.toMatchObject({ problem: { code: 'network' } })
  })

  it('tells the server when it is aborted after the answer', async () => {
    const abort = new AbortController()
    const { peer, asked, tools } = answering(created('/whep/7'))
    peer.setRemoteDescription = () => {
      abort.abort()
      return Promise.resolve()
    }

    const aborted = openWhep(asking('/whep'), abort.signal, tools)

    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' })
    expect(asked.map(({ init }) => init.method)).toEqual(['POST', 'DELETE'])
  })

  it('collects the tracks that the server sends', async () => {
    const { peer, tools } = answering(created(null))
    const connection = await openWhep(asking('/whep'), new AbortController().signal, tools)

    peer.dispatchEvent(Object.assign(new Event('track'), { track: 'picture' }))

    const video = { srcObject: null } as unknown as HTMLVideoElement
    connection.attach(video)
    expect((video.srcObject as unknown as FakeStream).tracks).toEqual(['picture'])
    await connection.close()
    expect(video.srcObject).toBeNull()
  })

  it('reports a connection that failed', async () => {
    const { peer, tools } = answering(created(null))
    const { lost } = await openWhep(asking('/whep'), new AbortController().signal, tools)

    peer.become('failed')

    await expect(lost).rejects.toBeInstanceOf(ConnectionLostError)
  })

  it('forgives a short disconnection and reports a long one', async () => {
    vi.useFakeTimers()
    try {
      const { peer, tools } = answering(created(null))
      const { lost } = await openWhep(asking('/whep'), new AbortController().signal, tools)
      const told = vi.fn()
      lost.catch(told)

      peer.become('disconnected')
      await vi.advanceTimersByTimeAsync(4_000)
      peer.become('connected')
      await vi.advanceTimersByTimeAsync(10_000)
      expect(told).not.toHaveBeenCalled()

      peer.become('disconnected')
      await vi.advanceTimersByTimeAsync(5_000)
      expect(told).toHaveBeenCalledOnce()
    } finally {
      vi.useRealTimers()
    }
  })
})
