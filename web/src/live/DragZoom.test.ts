import { flushPromises, mount } from '@vue/test-utils'
import { NMessageProvider } from 'naive-ui'
import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { h } from 'vue'
import { createI18n } from 'vue-i18n'
import en from '@/i18n/en.json'
import DragZoom from '@/live/DragZoom.vue'

const CHANNEL = { deviceId: '34020000001180000001', channelId: '34020000001320000001', name: 'Gate' }
const VIDEO = { videoWidth: 1920, videoHeight: 1080 } as HTMLVideoElement

describe('DragZoom', () => {
  let asked: [path: string, body: unknown][]

  beforeEach(() => {
    asked = []
    setActivePinia(createPinia())
    vi.stubGlobal('fetch', async (request: Request) => {
      asked.push([new URL(request.url).pathname, await request.json()])
      return Response.json({ is_confirmed: false, sentence: '' })
    })
    vi.spyOn(HTMLElement.prototype, 'getBoundingClientRect').mockReturnValue({
      ...{ left: 10, top: 20, width: 960, height: 540 },
    } as DOMRect)
  })
  afterEach(() => {
    vi.restoreAllMocks()
    vi.unstubAllGlobals()
  })

  function shown() {
    const i18n = createI18n({ legacy: false, locale: 'en', messages: { en } })
    const wrapper = mount(NMessageProvider, {
      slots: { default: () => h(DragZoom, { channel: CHANNEL, video: VIDEO }) },
      global: { plugins: [i18n] },
    })
    return wrapper.get('[data-testid="drag-zoom-cover"]')
  }

  it('asks the camera for what lies in the box', async () => {
    const cover = shown()
    await cover.trigger('pointerdown', { button: 0, clientX: 110, clientY: 120 })
    await cover.trigger('pointermove', { clientX: 210, clientY: 170 })
    expect(cover.find('.frame').exists()).toBe(true)
    await cover.trigger('pointerup', { clientX: 210, clientY: 170 })
    await flushPromises()

    const box = {
      ...{ window_width_px: 960, window_height_px: 540, middle_x_px: 150, middle_y_px: 125 },
      ...{ box_width_px: 100, box_height_px: 50 },
    }
    expect(asked).toEqual([
      [
        `/api/v1/devices/${CHANNEL.deviceId}/channels/${CHANNEL.channelId}/drag-zoom`,
        { direction: 'in', box, force: false },
      ],
    ])
    expect(cover.find('.frame').exists()).toBe(false)
  })

  it('asks for nothing where the drag is given up, or was a click', async () => {
    const cover = shown()
    await cover.trigger('pointerdown', { button: 0, clientX: 110, clientY: 120 })
    await cover.trigger('pointercancel')
    await cover.trigger('pointerup', { clientX: 210, clientY: 170 })
    await cover.trigger('pointerdown', { button: 0, clientX: 110, clientY: 120 })
    await cover.trigger('pointerup', { clientX: 110, clientY: 120 })
    await flushPromises()

    expect(asked).toEqual([])
  })
})
