import { describe, expect, it } from 'vitest'
import { decodedCodecs, shownCodecs } from '@/player/abilities'

function browser(...mimeTypes: string[]) {
  const codecs = mimeTypes.map((mimeType) => ({ mimeType, clockRate: 90_000 }))
  return { getCapabilities: () => ({ codecs, headerExtensions: [] }) }
}

describe('shownCodecs', () => {
  it('names what cameras send and this browser plays', () => {
    expect(shownCodecs(browser('video/VP8', 'video/H264', 'video/H264'))).toEqual(['h264'])
    expect(shownCodecs(browser('video/H265', 'video/H264'))).toEqual(['h264', 'h265'])
  })

  it('names nothing where there is no WebRTC', () => {
    expect(shownCodecs(undefined)).toEqual([])
  })
})

describe('decodedCodecs', () => {
  it('names what this browser plays as fragmented MP4', () => {
    expect(decodedCodecs({ isTypeSupported: (type) => type.includes('avc1') })).toEqual(['h264'])
    expect(decodedCodecs({ isTypeSupported: () => true })).toEqual(['h264', 'h265'])
    expect(decodedCodecs(undefined)).toEqual([])
  })
})
