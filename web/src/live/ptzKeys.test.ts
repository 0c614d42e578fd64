import { describe, expect, it } from 'vitest'
import { HeldKeys } from '@/live/ptzKeys'

describe('HeldKeys', () => {
  it('adds up the keys that are held', () => {
    const keys = new HeldKeys()
    keys.press({ key: 'ArrowUp', code: 'ArrowUp' })
    keys.press({ key: 'ArrowLeft', code: 'ArrowLeft' })

    expect(keys.way(40)).toEqual({ pan: -40, tilt: 40, zoom: 0 })
  })

  it('lets a key go that has got another name meanwhile', () => {
    const keys = new HeldKeys()
    keys.press({ key: '+', code: 'Equal' })

    expect(keys.lift({ code: 'Equal' })).toBe(true)
    expect(keys.way(40)).toBeNull()
  })

  it('leaves other keys alone', () => {
    const keys = new HeldKeys()

    expect(keys.press({ key: 'f', code: 'KeyF' })).toBe(false)
    expect(keys.lift({ code: 'KeyF' })).toBe(false)
  })
})
