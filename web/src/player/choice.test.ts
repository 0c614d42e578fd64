import { describe, expect, it } from 'vitest'
import { chooseWay, type Way } from '@/player/choice'

const URLS = { whep: '/whep', fmp4: 'ws://host/live.mp4', flv: null, ws_flv: null, hls: null, rtsp: null }

function way(form: string, delivery = 'passed'): Way {
  return { form, stream: 'main', video: 'h264', delivery, reason_en: form } as Way
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

  it('asks for what the server shall make of the picture', () => {
    const url = (delivery: string) => chooseWay(offer(way('fmp4', delivery)), new Set(), ['fmp4']).url

    expect(url('transcoded')).toBe('ws://host/live.mp4?video=h264')
    expect(url('key_pictures')).toBe('ws://host/live.mp4?video=h264&pictures=key')
  })

  it('plays key pictures one by one where the server has nothing else', () => {
    const last = offer(way('snapshot', 'key_pictures'))

    expect(chooseWay(last, new Set(), ['whep', 'fmp4'])).toMatchObject({
      form: 'whep',
      url: '/whep',
      onlyKeyPictures: true,
      way: { form: 'whep', delivery: 'key_pictures' },
    })
    expect(chooseWay(last, new Set(['whep']), ['whep', 'fmp4']).url).toContain('pictures=key')
    expect(chooseWay(offer(way('whep')), new Set(), ['whep'])).toMatchObject({ onlyKeyPictures: false })
  })

  it('says why when nothing serves', () => {
    expect(() => chooseWay(offer(way('none')), new Set(), ['whep', 'fmp4'])).toThrow('none')
  })
})
