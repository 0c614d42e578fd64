import { h, type VNodeChild } from 'vue'
import type { Status } from '@/api/client'
import StatusMark from '@/ui/StatusMark.vue'

/** A cell with a status. */
export function statusCell(status: Status): VNodeChild {
  return h(StatusMark, { status })
}

/** A cell in digits of one width. */
export function monoCell(text: string | number | null | undefined): VNodeChild {
  return h('span', { class: 'mono' }, String(text ?? '\u2013'))
}

/** A name, and its ID beneath it. */
export function nameCell(name: string, id: string): VNodeChild {
  if (name === '' || name === id) return monoCell(id)
  return h('div', { class: 'name-cell' }, [h('div', name), h('div', { class: 'mono faint' }, id)])
}
