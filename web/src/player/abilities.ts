export type Codec = 'h264' | 'h265'

const MIME_TYPES: readonly (readonly [string, Codec])[] = [
  ['video/h264', 'h264'],
  ['video/h265', 'h265'],
]

/** The video codecs that this browser plays by WebRTC, among those that cameras send. */
export function shownCodecs(
  receiver: Pick<typeof RTCRtpReceiver, 'getCapabilities'> | undefined = globalThis.RTCRtpReceiver,
): Codec[] {
  const named = receiver?.getCapabilities('video')?.codecs ?? []
  const types = new Set(named.map(({ mimeType }) => mimeType.toLowerCase()))
  return MIME_TYPES.filter(([type]) => types.has(type)).map(([, codec]) => codec)
}
