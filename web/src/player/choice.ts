import type { LiveSession } from '@/api/client'
import type { PlayForm } from '@/player/connection'
import { PlayError, type Cause } from '@/player/failure'

/** One way to show the picture, as the server put it. */
export type Way = LiveSession['recommended']

export interface Choice {
  form: PlayForm
  url: string
  way: Way
}

type Offer = Pick<LiveSession, 'urls' | 'recommended' | 'otherwise'>

/** It broke between server and browser: another form may come through. */
const BROKEN_ON_THE_WAY: ReadonlySet<Cause> = new Set([
  'browser_connection',
  'browser_no_codec',
  'browser_no_webrtc',
  'no_frames',
])

export function mayComeThroughOtherwise(cause: Cause): boolean {
  return BROKEN_ON_THE_WAY.has(cause)
}

/** The forms that this browser can take at all. */
export function takenForms(): PlayForm[] {
  const forms: PlayForm[] = []
  if (typeof RTCPeerConnection !== 'undefined') forms.push('whep')
  if (typeof MediaSource !== 'undefined') forms.push('fmp4')
  return forms
}

/**
 * The first of the server's ways in a form that did not fail before; those that failed after all
 * when nothing else is left.
 *
 * Throws `PlayError` where none of them serves this browser.
 */
export function chooseWay(
  offer: Offer,
  failed: ReadonlySet<PlayForm>,
  taken: readonly PlayForm[] = takenForms(),
): Choice {
  const choices = [offer.recommended, ...offer.otherwise].flatMap((way): Choice[] => {
    const form = taken.find((known) => known === way.form)
    const url = form === undefined ? null : offer.urls[form]
    return form !== undefined && url ? [{ form, url, way }] : []
  })
  const choice = choices.find(({ form }) => !failed.has(form)) ?? choices[0]
  if (choice === undefined) throw new PlayError('no_way', offer.recommended.reason_en)
  return choice
}
