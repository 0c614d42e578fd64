import { mount } from '@vue/test-utils'
import { describe, expect, it, vi } from 'vitest'
import HoldButton from '@/live/HoldButton.vue'

function shown() {
  return mount(HoldButton, { props: { icon: 'up', label: 'Up' } })
}

describe('HoldButton', () => {
  it.each(['pointerup', 'pointerleave', 'pointercancel', 'blur'])('is held until %s', async (end) => {
    const button = shown()
    await button.trigger('pointerdown', { button: 0 })
    await button.trigger(end)

    expect(Object.keys(button.emitted())).toEqual(expect.arrayContaining(['hold', 'release']))
    expect(button.emitted('release')).toHaveLength(1)
  })

  it('works by the keyboard; a key that repeats holds once', async () => {
    const button = shown()
    await button.trigger('keydown', { key: ' ' })
    await button.trigger('keydown', { key: ' ' })
    await button.trigger('keyup', { key: ' ' })

    expect(button.emitted('hold')).toHaveLength(1)
    expect(button.emitted('release')).toHaveLength(1)
  })

  it('lets go when it disappears', async () => {
    const onRelease = vi.fn()
    const button = mount(HoldButton, { props: { icon: 'up', label: 'Up', onRelease } })
    await button.trigger('pointerdown', { button: 0 })
    button.unmount()

    expect(onRelease).toHaveBeenCalledOnce()
  })

  it('leaves the other buttons of the mouse alone', async () => {
    const button = shown()
    await button.trigger('pointerdown', { button: 2 })

    expect(button.emitted('hold')).toBeUndefined()
  })
})
