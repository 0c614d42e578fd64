import { describe, expect, it } from 'vitest'
import { filled, FORMS, order, type BlockForm } from '@/device/configForms'

const form = (type: string): BlockForm => FORMS[type] ?? { fields: [] }
const BASIC = { name: 'Gate', expiration_s: 3600, heartbeat_interval_s: 60, heartbeat_count: 3, server_id: '1' }
const OSD = {
  window_width_px: 1920,
  window_height_px: 1080,
  time_x_px: 10,
  time_y_px: 20,
  is_time_shown: true,
  time_type: 0,
  is_text_shown: true,
  texts: [{ text: 'North', x_px: 1, y_px: 2 }],
}

describe('a form of a configuration', () => {
  it('writes nothing where nothing was changed', () => {
    const before = filled(form('BasicParam'), BASIC)

    expect(order('BasicParam', form('BasicParam'), before, structuredClone(before))).toBeNull()
  })

  it('writes of the basic parameters what was changed, and no more', () => {
    const before = filled(form('BasicParam'), BASIC)
    const now = structuredClone(before)
    now.values.heartbeat_interval_s = 30

    expect(order('BasicParam', form('BasicParam'), before, now)).toEqual({
      config_type: 'BasicParam',
      heartbeat_interval_s: 30,
    })
  })

  it('writes the whole of what is placed in the picture, with its lines', () => {
    const before = filled(form('OSDConfig'), OSD)
    const now = structuredClone(before)
    now.rows.push({ text: 'South', x_px: 3, y_px: 4 })

    expect(order('OSDConfig', form('OSDConfig'), before, now)).toEqual({
      config_type: 'OSDConfig',
      ...OSD,
      texts: [
        { text: 'North', x_px: 1, y_px: 2 },
        { text: 'South', x_px: 3, y_px: 4 },
      ],
    })
  })

  it('keeps which stream is which', () => {
    const stream = {
      ...{ stream_number: 1, video_format: '2', resolution: '6' },
      ...{ frame_rate: '25', bit_rate_type: '1', video_bit_rate: '4096' },
    }
    const before = filled(form('VideoParamAttribute'), { streams: [stream] })
    const now = structuredClone(before)
    now.rows.forEach((row) => (row.frame_rate = '15'))

    expect(order('VideoParamAttribute', form('VideoParamAttribute'), before, now)).toEqual({
      config_type: 'VideoParamAttribute',
      streams: [{ ...stream, frame_rate: '15' }],
    })
  })
})
