import { describe, expect, it } from 'vitest'
import { ApiError, networkProblem, type Problem, type Session } from '@/api/client'
import { failureOf, failureOfSession, isWorthRetrying, PlayError } from '@/player/failure'
import { ConnectionLostError } from '@/player/connection'

function refused(code: string, facts: Problem['facts'] = {}): ApiError {
  return new ApiError({ ...networkProblem('words'), code, status: 502, trace_id: 'abc', facts })
}

function ended(reason: string, error: string, stages: string[], sip_status: number | null = null): Session {
  const trace = stages.map((stage) => ({ stage, at: '2026-03-01T00:00:00Z', detail: '' }))
  return { reason, error, trace, sip_status, state: 'closed' } as unknown as Session
}

describe('failureOf', () => {
  it.each([
    [404, 'rejected_unknown_channel'],
    [486, 'rejected_busy'],
    [488, 'rejected_media'],
    [403, 'rejected_forbidden'],
    [500, 'rejected'],
  ])('tells refusals of the device apart by their SIP status %i', (status, cause) => {
    expect(failureOf(refused('rejected', { sip_status: status }))).toMatchObject({ cause, sipStatus: status })
  })

  it('keeps the trace ID and the words of the server', () => {
    expect(failureOf(refused('no_answer'))).toEqual({
      cause: 'no_answer',
      detail: 'words',
      sipStatus: null,
      traceId: 'abc',
    })
  })

  it('tells transcoders from other limits', () => {
    expect(failureOf(refused('exhausted', { what: 'transcoders' })).cause).toBe('exhausted_transcoders')
    expect(failureOf(refused('exhausted', { what: 'ports' })).cause).toBe('exhausted')
  })

  it('takes a code it does not know for a fault of ours', () => {
    expect(failureOf(refused('novel')).cause).toBe('internal')
  })

  it('names what broke between server and browser', () => {
    expect(failureOf(new ConnectionLostError('failed')).cause).toBe('browser_connection')
    expect(failureOf(new PlayError('no_frames')).cause).toBe('no_frames')
  })
})

describe('failureOfSession', () => {
  const called = ['invite_sent', 'trying', 'answered', 'acknowledged']

  it.each([
    [called, 'no_packets'],
    [[...called, 'first_packet'], 'wrong_ssrc'],
    [[...called, 'first_packet', 'ssrc_matched'], 'not_a_program_stream'],
    [[...called, 'first_packet', 'ssrc_matched', 'container_parsed'], 'no_key_picture'],
    [[...called, 'first_packet', 'ssrc_matched', 'container_parsed', 'first_picture'], 'media_stopped'],
  ])('tells by the missing stage why there is no picture', (stages, cause) => {
    expect(failureOfSession(ended('no_media', 'silence', stages)).cause).toBe(cause)
  })

  it('takes the SIP status of a refusal as the server tells it', () => {
    expect(failureOfSession(ended('rejected', 'refused: 404 by the device', called, 486))).toMatchObject({
      cause: 'rejected_busy',
      sipStatus: 486,
    })
  })

  it('does not start again by itself what an operator ended for all', () => {
    const failure = failureOfSession(ended('ended_by_user', '', []))

    expect([failure.cause, isWorthRetrying(failure)]).toEqual(['disconnected', false])
  })

  it.each(['idle', 'stopped', 'server_stopped', ''])(
    'calls %s an end, not a fault',
    (reason) => {
      expect(failureOfSession(ended(reason, '', [])).cause).toBe('ended')
    },
  )
})

describe('isWorthRetrying', () => {
  it('asks again for what may pass by itself, and not for what a person has to change', () => {
    expect(isWorthRetrying(failureOf(refused('device_offline')))).toBe(true)
    expect(isWorthRetrying(failureOf(refused('forbidden')))).toBe(false)
  })
})
