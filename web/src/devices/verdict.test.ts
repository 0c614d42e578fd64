import { describe, expect, it } from 'vitest'
import { verdictOf } from '@/devices/verdict'

describe('verdictOf', () => {
  it('names why a registration was refused', () => {
    expect(verdictOf(false, 'wrong_password')).toBe('wrong_password')
    expect(verdictOf(false, 'challenge_unanswered')).toBe('challenge_unanswered')
  })

  it.each(['no_register', 'none', 'pending'] as const)('goes on waiting while it is %s', (cause) => {
    expect(verdictOf(false, cause)).toBe('nothing')
  })

  it('goes on waiting before anything is known', () => {
    expect(verdictOf(false, null)).toBe('nothing')
  })

  it('is content once the device is online, whatever went before', () => {
    expect(verdictOf(true, 'wrong_password')).toBe('ok')
  })
})
