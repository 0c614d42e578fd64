import { describe, expect, it } from 'vitest'
import type { Schemas } from '@/api/client'
import { overlaid } from '@/figures/overlay'

type Seen = Schemas['LedgerInterval']
type Counted = Schemas['CutInterval']

const at = (hour: number): string => `2026-03-01T${String(hour).padStart(2, '0')}:00:00Z`
const seen = (start: number, end: number | null, state: Seen['state'], cause: Seen['cause']): Seen => ({
  start: at(start),
  end: end === null ? null : at(end),
  state,
  cause,
})
const counted = (start: number, end: number, state: Counted['state']): Counted => ({
  start: at(start),
  end: at(end),
  state,
  place: {},
})

describe('what counts over what was seen', () => {
  it('shows the part of an outage that an approved exclusion covers, with its cause', () => {
    const found = overlaid(
      [
        seen(0, 4, 'online_signalled', 'registered'),
        seen(4, 10, 'offline', 'silent'),
        seen(10, null, 'online_signalled', 'keepalive'),
      ],
      [
        counted(0, 4, 'online_signalled'),
        counted(4, 6, 'offline'),
        counted(6, 9, 'excluded'),
        counted(9, 10, 'offline'),
        counted(10, 12, 'online_signalled'),
      ],
    )

    expect(found.map(({ start, end, state, seen: was, cause }) => [start, end, state, was, cause])).toEqual([
      [at(0), at(4), 'online_signalled', 'online_signalled', 'registered'],
      [at(4), at(6), 'offline', 'offline', 'silent'],
      [at(6), at(9), 'excluded', 'offline', 'silent'],
      [at(9), at(10), 'offline', 'offline', 'silent'],
      [at(10), null, 'online_signalled', 'online_signalled', 'keepalive'],
    ])
  })

  it('is what was seen where nothing is told of what counts', () => {
    expect(overlaid([seen(0, null, 'unknown', 'server_absent')], [])).toEqual([
      { start: at(0), end: null, state: 'unknown', seen: 'unknown', cause: 'server_absent' },
    ])
  })

  it('splits nothing where a camera only moved while it was excluded', () => {
    const found = overlaid(
      [seen(0, 9, 'offline', 'silent')],
      [counted(0, 4, 'excluded'), counted(4, 9, 'excluded')],
    )

    expect(found).toHaveLength(1)
    expect(found[0]?.end).toBe(at(9))
  })
})
