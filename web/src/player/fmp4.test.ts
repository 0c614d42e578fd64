import { describe, expect, it } from 'vitest'
import { ConnectionLostError } from '@/player/connection'
import { openFmp4, type Fmp4Tools } from '@/player/fmp4'

const MIME = 'video/mp4; codecs="avc1.42E01E"'

class FakeSocket extends EventTarget {
  binaryType = ''
  isClosed = false
  tell(data: string | ArrayBuffer): void {
    this.dispatchEvent(new MessageEvent('message', { data }))
  }
  end(code: number, reason: string): void {
    this.dispatchEvent(Object.assign(new Event('close'), { code, reason }))
  }
  close(): void {
    this.isClosed = true
  }
}

class FakeBuffer extends EventTarget {
  updating = false
  readonly appended: number[] = []
  readonly removed: [number, number][] = []
  kinds: string[] = []
  buffered = { length: 0, start: () => 0, end: () => 0 }
  appendBuffer(piece: ArrayBuffer): void {
    this.updating = true
    this.appended.push(piece.byteLength)
  }
  remove(from: number, to: number): void {
    this.updating = true
    this.buffered.length = 0
    this.removed.push([from, to])
  }
  changeType(mime: string): void {
    this.kinds.push(mime)
  }
  done(): void {
    this.updating = false
    this.dispatchEvent(new Event('updateend'))
  }
}

class FakeSource extends EventTarget {
  readyState = 'closed'
  readonly buffer = new FakeBuffer()
  addSourceBuffer(mime: string): FakeBuffer {
    this.buffer.kinds.push(mime)
    return this.buffer
  }
  open(): void {
    this.readyState = 'open'
    this.dispatchEvent(new Event('sourceopen'))
  }
}

function world(canPlay = true) {
  const socket = new FakeSocket()
  const source = new FakeSource()
  const forgotten: string[] = []
  const tools: Fmp4Tools = {
    openSocket: () => socket as unknown as WebSocket,
    createSource: () => source as unknown as MediaSource,
    canPlay: () => canPlay,
    addressOf: () => 'blob:1',
    forget: (address) => forgotten.push(address),
  }
  return { socket, source, forgotten, tools }
}

function element(currentTime = 0): HTMLVideoElement {
  return {
    currentTime,
    videoWidth: 640,
    videoHeight: 360,
    src: '',
    removeAttribute: () => undefined,
    load: () => undefined,
    getVideoPlaybackQuality: () => ({ totalVideoFrames: 50, droppedVideoFrames: 2 }),
  } as unknown as HTMLVideoElement
}

async function opened(made = world()) {
  const opening = openFmp4('ws://host/live.mp4', new AbortController().signal, made.tools)
  made.socket.tell(JSON.stringify({ mime: MIME }))
  return { ...made, connection: await opening }
}

describe('openFmp4', () => {
  it('feeds what comes into the source buffer, one piece after the other', async () => {
    const { socket, source, connection } = await opened()
    socket.tell(new ArrayBuffer(10))
    socket.tell(new ArrayBuffer(20))
    const video = element()
    connection.attach(video)
    expect(video.src).toBe('blob:1')
    source.open()

    expect([source.buffer.kinds, source.buffer.appended]).toEqual([[MIME], [10]])
    source.buffer.done()
    expect(source.buffer.appended).toEqual([10, 20])
    await connection.close()
  })

  it('takes another kind of pictures in mid-stream', async () => {
    const { socket, source, connection } = await opened()
    source.open()
    const other = 'video/mp4; codecs="avc1.64001F"'
    socket.tell(JSON.stringify({ mime: other }))
    socket.tell(new ArrayBuffer(30))

    expect([source.buffer.kinds, source.buffer.appended]).toEqual([[MIME, other], [30]])
    await connection.close()
  })

  it('begins anew where sound comes to pictures alone', async () => {
    const { socket, connection } = await opened()
    socket.tell(JSON.stringify({ mime: 'video/mp4; codecs="avc1.42E01E,mp4a.40.2"' }))

    await expect(connection.lost).rejects.toMatchObject({ playCause: 'moved' })
  })

  it('lets go of what was seen long ago', async () => {
    const { socket, source, connection } = await opened()
    connection.attach(element(30))
    source.open()
    source.buffer.buffered.length = 1
    socket.tell(new ArrayBuffer(30))

    expect(source.buffer.removed).toEqual([[0, 20]])
    source.buffer.done()
    expect(source.buffer.appended).toEqual([30])
    await connection.close()
  })

  it('counts what comes', async () => {
    const { socket, connection } = await opened()
    connection.attach(element())
    const before = await connection.read(null)
    socket.tell(new ArrayBuffer(1_000))
    const after = await connection.read(before?.counters ?? null)

    expect((after?.counters.bytes ?? 0) - (before?.counters.bytes ?? 0)).toBe(1_000)
    expect(after?.stats).toMatchObject({ width: 640, height: 360, framesDropped: 2, codec: 'avc1.42E01E' })
    await connection.close()
  })

  it('says so when this browser does not play that kind', async () => {
    const made = world(false)
    const opening = openFmp4('ws://host/live.mp4', new AbortController().signal, made.tools)
    made.socket.tell(JSON.stringify({ mime: 'video/mp4; codecs="hvc1.1.6.L93.B0"' }))

    await expect(opening).rejects.toMatchObject({ playCause: 'browser_no_codec' })
    expect([made.socket.isClosed, made.forgotten]).toEqual([true, ['blob:1']])
  })

  it('reports a connection that the server ended, before and after its first word', async () => {
    const refused = world()
    const opening = openFmp4('ws://host/live.mp4', new AbortController().signal, refused.tools)
    refused.socket.end(4400, 'no proper handshake')
    await expect(opening).rejects.toThrow('no proper handshake')

    const { socket, connection } = await opened()
    socket.end(1006, '')
    await expect(connection.lost).rejects.toBeInstanceOf(ConnectionLostError)
  })

  it.each([
    [4401, '', 'unauthenticated'],
    [4403, 'not_admitted', 'not_admitted'],
    [4404, 'no_stream', 'ended'],
    [4503, 'too_many', 'exhausted'],
    [4504, 'no_picture', 'no_media'],
    [1000, 'left', 'disconnected'],
    [1000, 'no_transcoder', 'exhausted_transcoders'],
  ])('names the cause of a close with %i %s', async (code, reason, playCause) => {
    const { socket, tools } = world()
    const opening = openFmp4('ws://host/live.mp4', new AbortController().signal, tools)
    socket.end(code, reason)

    await expect(opening).rejects.toMatchObject({ playCause })
  })

  it('follows the stream to another process, once', async () => {
    const made = world()
    const sockets: { url: string; socket: FakeSocket }[] = []
    made.tools.openSocket = (url) => {
      const socket = new FakeSocket()
      sockets.push({ url, socket })
      return socket as unknown as WebSocket
    }
    const opening = openFmp4('ws://host:1/live.mp4', new AbortController().signal, made.tools)
    const sendOn = (at: number, location: string): void => {
      sockets[at]?.socket.tell(JSON.stringify({ location }))
      sockets[at]?.socket.end(4307, '')
    }

    sendOn(0, 'ws://host:2/live.mp4?token=t')
    sockets[1]?.socket.tell(JSON.stringify({ mime: MIME }))
    const connection = await opening
    sendOn(1, 'ws://host:3/live.mp4')

    await expect(connection.lost).rejects.toBeInstanceOf(ConnectionLostError)
    expect(sockets.map(({ url }) => url)).toEqual(['ws://host:1/live.mp4', 'ws://host:2/live.mp4?token=t'])
    await connection.close()
    expect(sockets[1]?.socket.isClosed).toBe(true)
  })

  it('leaves nothing behind when it is aborted', async () => {
    const made = world()
    const abort = new AbortController()
    const opening = openFmp4('ws://host/live.mp4', abort.signal, made.tools)
    abort.abort()

    await expect(opening).rejects.toMatchObject({ name: 'AbortError' })
    expect(made.socket.isClosed).toBe(true)
  })
})
