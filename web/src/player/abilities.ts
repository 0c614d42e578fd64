export type Codec = 'h264' | 'h265'

const WEBRTC_TYPES: readonly (readonly [string, Codec])[] = [
  ['video/h264', 'h264'],
  ['video/h265', 'h265'],
]

const MSE_TYPES: readonly (readonly [string, Codec])[] = [
  ['video/mp4; codecs="avc1.42E01F"', 'h264'],
  ['video/mp4; codecs="hvc1.1.6.L120.B0"', 'h265'],
]

/** The video codecs that this browser plays by WebRTC, among those that cameras send. */
export function shownCodecs(
  receiver: Pick<typeof RTCRtpReceiver, 'getCapabilities'> | undefined = globalThis.RTCRtpReceiver,
): Codec[] {
  const named = receiver?.getCapabilities('video')?.codecs ?? []
  const types = new Set(named.map(({ mimeType }) => mimeType.toLowerCase()))
  return WEBRTC_TYPES.filter(([type]) => types.has(type)).map(([, codec]) => codec)
}

/** Those it plays as fragmented MP4. */
export function decodedCodecs(
  source: Pick<typeof MediaSource, 'isTypeSupported'> | undefined = globalThis.MediaSource,
): Codec[] {
  if (source === undefined) return []
  return MSE_TYPES.filter(([type]) => source.isTypeSupported(type)).map(([, codec]) => codec)
}
