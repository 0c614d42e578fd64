import { describe, expect, it } from 'vitest'
import { chooseWay, type Way } from '@/player/choice'

const URLS = { whep: '/whep', fmp4: 'ws://host/live.mp4', flv: null, ws_flv: null, hls: null, rtsp: null }

function way(form: string, stream = 'main'): Way {
  return { form, stream, video: 'h264', delivery: 'passed', reason_en: form } as Way
}

function offer(recommended: Way, ...otherwise: Way[]) {
  return { urls: URLS, recommended, otherwise }
}

describe('chooseWay', () => {
  it('takes what the server recommends', () => {
    const chosen = chooseWay(offer(way('fmp4'), way('whep')), new Set(), ['whep', 'fmp4'])
    expect([chosen.form, chosen.url]).toEqual(['fmp4', URLS.fmp4])
  })

  it('passes over what this browser cannot take', () => {
    expect(chooseWay(offer(way('fmp4'), way('whep')), new Set(), ['whep']).form).toBe('whep')
  })

  it('leaves out what did not come through, unless nothing else is left', () => {
    const both = offer(way('whep'), way('fmp4'))
    expect(chooseWay(both, new Set(['whep']), ['whep', 'fmp4']).form).toBe('fmp4')
    expect(chooseWay(offer(way('whep')), new Set(['whep']), ['whep', 'fmp4']).form).toBe('whep')
  })

  it('says why when nothing serves', () => {
    expect(() => chooseWay(offer(way('none')), new Set(), ['whep', 'fmp4'])).toThrow('none')
  })
})
