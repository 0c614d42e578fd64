import type { LiveSession } from '@/api/client'
import type { PlayForm, PlayTarget } from '@/player/connection'
import { PlayError, type Cause } from '@/player/failure'

/** One way to show the picture, as the server put it. */
export type Way = LiveSession['recommended']

export interface Choice extends PlayTarget {
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

const KEY_PICTURES = 'key_pictures'

/** The forms that a way stands for here: key pictures one by one are played rather than fetched. */
function formsOf(way: Way, taken: readonly PlayForm[]): PlayForm[] {
  const isSnapshot = way.form === 'snapshot' && way.delivery === KEY_PICTURES
  return taken.filter((form) => form === way.form || isSnapshot)
}

/** The URL of fMP4 with what the way asks for beside it: H.264 made of H.265, key pictures alone. */
function withWishes(url: string, { delivery }: Way): string {
  if (delivery === 'passed') return url
  const wished = new URL(url, window.location.href)
  wished.searchParams.set('video', 'h264')
  if (delivery === KEY_PICTURES) wished.searchParams.set('pictures', 'key')
  return wished.href
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
    const onlyKeyPictures = way.delivery === KEY_PICTURES
    return formsOf(way, taken).flatMap((form): Choice[] => {
      const url = offer.urls[form]
      if (!url) return []
      return [{ form, url: form === 'fmp4' ? withWishes(url, way) : url, way: { ...way, form }, onlyKeyPictures }]
    })
  })
  const choice = choices.find(({ form }) => !failed.has(form)) ?? choices[0]
  if (choice === undefined) throw new PlayError('no_way', offer.recommended.reason_en)
  return choice
}
