import { describe, expect, it } from 'vitest'
import { effectScope } from 'vue'
import { useUpgrade, type Upgrade } from '@/device/useUpgrade'

const ORDER = { firmware: 'V2', file_url: 'http://192.0.2.10/v2.bin', manufacturer: '', force: false }

function job(state: string, isAccepted: boolean): Upgrade {
  return {
    ...{ job_id: 'j', device_id: 'd', firmware: 'V2', state, is_accepted: isAccepted, running: '' },
    ...{ started_at: '2026-03-01T00:00:00Z', finished_at: null, sentence: '' },
  }
}

describe('an upgrade', () => {
  it('is followed until the device has told how it went', async () => {
    const seen: string[] = []
    const told = [job('running', true), job('complete', true)]
    const upgrade = effectScope().run(() =>
      useUpgrade({
        start: () => Promise.resolve(job('running', false)),
        look: () => Promise.resolve(told.shift() ?? job('failed', true)),
        pause: () => {
          seen.push(upgrade?.step.value ?? '')
          return Promise.resolve()
        },
      }),
    )

    await upgrade?.install('d', ORDER)

    expect(seen).toEqual(['ordered', 'taken'])
    expect(upgrade?.step.value).toBe('complete')
    expect(upgrade?.isBusy.value).toBe(false)
  })

  it('is no longer looked at when another device is shown', async () => {
    let looks = 0
    const upgrade = effectScope().run(() =>
      useUpgrade({
        start: () => Promise.resolve(job('running', true)),
        look: () => {
          looks += 1
          return Promise.resolve(job('running', true))
        },
        pause: () => {
          upgrade?.forget()
          return Promise.resolve()
        },
      }),
    )

    await upgrade?.install('d', ORDER)

    expect(looks).toBe(1)
    expect(upgrade?.job.value).toBeNull()
  })
})
