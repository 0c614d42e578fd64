import { VueQueryPlugin } from '@tanstack/vue-query'
import { enableAutoUnmount, flushPromises, mount } from '@vue/test-utils'
import { NMessageProvider, NTreeSelect } from 'naive-ui'
import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { h, type Component } from 'vue'
import { createI18n } from 'vue-i18n'
import { createMemoryHistory, createRouter } from 'vue-router'
import EditChannel from '@/devices/EditChannel.vue'
import en from '@/i18n/en.json'
import AnomalyPanel from '@/inventory/AnomalyPanel.vue'
import BulkChange from '@/inventory/BulkChange.vue'
import ImportPanel from '@/inventory/ImportPanel.vue'
import OwnGroups from '@/inventory/OwnGroups.vue'
import { useAccount } from '@/stores/account'

const DEVICE = '34020000001180000001'
const CAMERA = '34020000001320000001'
const API = '/api/v1'
const CHANNEL = `${API}/devices/${DEVICE}/channels/${CAMERA}`
const KEY = { device_id: DEVICE, channel_id: CAMERA }

const DETAIL = {
  ...KEY,
  name: 'Bridge',
  division: '340203',
  division_reason: 'catalogue',
  division_name: 'Anhui Wuhu',
  longitude: null,
  latitude: null,
  is_reported: true,
  reported: { name: 'IPC', civil_code: '340203', point_type: '2', owner: 'Bureau' },
  local: { name: 'Bridge', maintainer: 'Fixers' },
  labels: {},
  anomalies: ['missing_fields'],
}

const SCHOOLS = {
  ...{ group_id: 'g1', name: 'Schools', parent_id: '', position: 0, children: [] },
  ...{ own_channels: 3, channels: 3, online_channels: 2 },
}

const JOB = {
  ...{ job_id: 'j1', kind: 'channels', file_name: 'cameras.csv', dry_run: true, state: 'incomplete' },
  ...{ started_at: '2026-03-01T00:00:00Z', finished_at: null, sheet: '', encoding: 'utf-8', sentence: '' },
  ...{ total: 3, read: 3, applied: 2, added: 0, changed: 2, unchanged: 0, refused: 1 },
  ignored_columns: [],
  unknown_columns: ['Remarks'],
  refusals: [{ row: 3, column: 'class', value: '7', code: 'wrong_value', sentence: 'It takes 1, 2, 3 or 9.' }],
}

describe('the panels of the inventory', () => {
  let answers: Record<string, unknown>
  let asked: [call: string, body: unknown][]

  beforeEach(() => {
    asked = []
    const empty = { items: [], next_cursor: null, total: 0 }
    answers = {
      [`GET ${CHANNEL}`]: DETAIL,
      [`GET ${API}/divisions`]: { items: [] },
      [`GET ${API}/groups/own`]: { items: [SCHOOLS] },
      [`GET ${API}/channels`]: empty,
    }
    setActivePinia(createPinia())
    Element.prototype.scrollIntoView = () => undefined // jsdom lays nothing out
    vi.stubGlobal('fetch', async (request: Request) => {
      const url = new URL(request.url)
      const call = `${request.method} ${decodeURIComponent(url.pathname)}`
      if (request.method !== 'GET') {
        const isJson = request.headers.get('content-type')?.includes('json')
        asked.push([call + url.search, isJson ? await request.json() : null])
      }
      const answer = answers[call]
      if (answer instanceof Response) return answer.clone()
      return answer === undefined ? new Response(null, { status: 204 }) : Response.json(answer)
    })
  })
  enableAutoUnmount(afterEach)
  afterEach(() => {
    document.body.innerHTML = ''
    vi.unstubAllGlobals()
  })

  function refusal(problem: object): Response {
    const status = 'status' in problem ? Number(problem.status) : 422
    const whole = { title: '', detail: '', errors: [], facts: {}, status, ...problem }
    return Response.json(whole, { status, headers: { 'Content-Type': 'application/problem+json' } })
  }

  async function shown(panel: Component, props: object = {}, actions = ['read', 'configure']) {
    useAccount().$patch({ me: { actions } as never })
    const i18n = createI18n({ legacy: false, locale: 'en', messages: { en } })
    const routes = [
      { path: '/inventory/:tab', name: 'inventory', component: { render: () => null } },
      { path: '/devices/:deviceId', name: 'device', component: { render: () => null } },
    ]
    const router = createRouter({ history: createMemoryHistory(), routes })
    await router.push('/inventory/channels')
    const wrapper = mount(NMessageProvider, {
      attachTo: document.body,
      slots: { default: () => h(panel, props) },
      global: { plugins: [i18n, router, [VueQueryPlugin, {}]] },
    })
    await flushPromises()
    return wrapper
  }

  /** By its test ID, wherever in the document it was put. */
  function one<E extends HTMLElement = HTMLElement>(testId: string): E {
    const found = document.querySelector<E>(`[data-testid="${testId}"]`)
    if (found === null) throw new Error(`no ${testId}`)
    return found
  }

  async function click(testId: string): Promise<void> {
    one(testId).click()
    await flushPromises()
  }

  it('shows what a device reports beside what is set here, and goes back to the report', async () => {
    answers[`PATCH ${CHANNEL}`] = { ...DETAIL, local: { name: 'Bridge' } }
    await shown(EditChannel, { channel: KEY })

    expect(one('channel-editor').textContent).toContain('Told by the catalogue: Anhui Wuhu')
    expect(one<HTMLInputElement>('channel-name').value).toBe('Bridge')
    expect(one<HTMLInputElement>('channel-name').placeholder).toBe('IPC')
    expect(one<HTMLButtonElement>('to-report-department').disabled).toBe(true)
    expect(one<HTMLButtonElement>('channel-save').disabled).toBe(true)

    await click('to-report-maintainer')
    one('channel-editor').querySelector('form')?.requestSubmit()
    await flushPromises()

    expect(asked).toEqual([[`PATCH ${CHANNEL}`, { maintainer: null }]])
  })

  it('shows all that a device reports, codes in words, whatever is set over it', async () => {
    const bright = [{ code: '2', zh: null, en: 'infrared' }]
    answers[`GET ${CHANNEL}`] = {
      ...DETAIL,
      reported: {
        ...DETAIL.reported,
        ...{ supply_light_type: '2', parent_id: [DEVICE, '34020000002160000002'], parental: false },
        ...{ ptz_type: null, horizontal_field_angle: '', Vendor: 'x1' },
      },
      labels: { supply_light_type: bright },
    }
    await shown(EditChannel, { channel: KEY }, ['read'])

    const all = one('all-reported')
    expect(all.querySelector('summary')?.textContent).toBe('All that the device reports (8)')
    expect(one('reported-name').textContent).toBe('IPC')
    expect(one('reported-supply_light_type').textContent).toBe('2 (infrared)')
    expect(one('reported-supply_light_type').previousElementSibling?.textContent).toBe('Lighting')
    expect(one('reported-parent_id').textContent).toBe(`${DEVICE} / 34020000002160000002`)
    expect(one('reported-parental').textContent).toBe('No')
    expect(one('reported-Vendor').previousElementSibling?.textContent).toBe('Vendor')
    expect(document.querySelector('[data-testid="reported-horizontal_field_angle"]')).toBeNull()
  })

  it('says at the field what the server refused', async () => {
    answers[`PATCH ${CHANNEL}`] = refusal({
      code: 'invalid',
      errors: [{ field: 'body.maintainer', message: 'String should have at most 255 characters' }],
    })
    await shown(EditChannel, { channel: KEY })
    await click('to-report-maintainer')
    one('channel-editor').querySelector('form')?.requestSubmit()
    await flushPromises()

    expect(one('wrong-maintainer').textContent).toContain('at most 255 characters')
  })

  it('only shows a channel to whoever may not change it', async () => {
    await shown(EditChannel, { channel: KEY }, ['read'])

    expect(one<HTMLInputElement>('channel-name').disabled).toBe(true)
    expect(document.querySelector('[data-testid="channel-save"]')).toBeNull()
    expect(document.querySelector('[data-testid="to-report-name"]')).toBeNull()
  })

  it('says in plain words why a group cannot be deleted', async () => {
    answers[`DELETE ${API}/groups/own/g1`] = refusal({
      ...{ code: 'conflict', status: 409, detail: 'channels hang', facts: { channels: 3 } },
    })
    await shown(OwnGroups)
    await click('own-group-Schools')
    await click('own-group-delete')
    document.querySelector<HTMLElement>('.n-popconfirm__action .n-button--primary-type')?.click()
    await flushPromises()

    expect(asked.map(([call]) => call)).toEqual([`DELETE ${API}/groups/own/g1`])
    expect(document.body.textContent).toContain('3 channels hang in this group. Put them elsewhere first.')
  })

  it('moves a group by the keyboard: cut here, pasted there', async () => {
    const bridges = { ...SCHOOLS, group_id: 'g2', name: 'Bridges', position: 1 }
    answers[`GET ${API}/groups/own`] = { items: [SCHOOLS, bridges] }
    answers[`PATCH ${API}/groups/own/g2`] = bridges
    await shown(OwnGroups)
    const press = (key: string): void => {
      const init = { key, ctrlKey: true, bubbles: true, cancelable: true }
      one('own-group-Schools').dispatchEvent(new KeyboardEvent('keydown', init))
    }
    await click('own-group-Bridges')
    press('x')
    await click('own-group-Schools')
    press('v')
    await flushPromises()

    expect(asked).toEqual([[`PATCH ${API}/groups/own/g2`, { parent_id: 'g1', position: 0 }]])
  })

  it('lets nobody change groups who may only read', async () => {
    await shown(OwnGroups, {}, ['read'])
    await click('own-group-Schools')

    expect(document.querySelector('[data-testid="own-group-add"]')).toBeNull()
    expect(document.querySelector('[data-testid="own-group-delete"]')).toBeNull()
  })

  it('takes many channels out of their groups and tells which were refused', async () => {
    answers[`POST ${API}/channels/bulk`] = {
      ...{ done: 0, refused: 1 },
      items: [{ ...KEY, is_done: false, code: 'not_found', message: 'gone by now' }],
    }
    const bulk = await shown(BulkChange, { channels: [KEY], way: 'group' })
    bulk.getComponent(NTreeSelect).vm.$emit('update:value', '')
    await flushPromises()
    await click('bulk-apply')

    expect(asked).toEqual([[`POST ${API}/channels/bulk`, { channels: [KEY], patch: { own_group_id: null } }]])
    expect(one('bulk-result').textContent).toContain('0 of 1 done, 1 refused.')
    expect(document.body.textContent).toContain('gone by now')
  })

  it('looks at a spreadsheet before anything is changed, then applies it', async () => {
    answers[`POST ${API}/imports/channels`] = JOB
    await shown(ImportPanel)
    const input = document.querySelector<HTMLInputElement>('input[type=file]')
    const file = new File(['x'], 'cameras.csv')
    Object.defineProperty(input, 'files', { value: [file] })
    input?.dispatchEvent(new Event('change'))
    await flushPromises()

    expect(asked.map(([call]) => call)).toEqual([
      `POST ${API}/imports/channels?dry_run=true&file_name=cameras.csv`,
    ])
    expect(one('import-state').textContent).toContain('Nothing has been changed yet.')
    expect(one('import-refused').textContent).toBe('1')
    expect(one('import-refusals').textContent).toContain('It takes 1, 2, 3 or 9.')
    expect(document.body.textContent).toContain('left out: Remarks')

    answers[`POST ${API}/imports/channels`] = { ...JOB, dry_run: false }
    await click('import-apply')

    expect(asked[1]?.[0]).toBe(`POST ${API}/imports/channels?dry_run=false&file_name=cameras.csv`)
    expect(one('import-state').textContent).toContain('Imported')
    expect(document.querySelector('[data-testid="import-apply"]')).toBeNull()
    expect(one('import-errors')).toBeTruthy()
  })

  it('lists findings by kind, each with its remedy and a way to mend it', async () => {
    const text = {
      ...{ kind: 'missing_fields', sentence_en: 'Fields are missing.', sentence_zh: '', remedy_zh: '' },
      remedy_en: 'Fill them in.',
    }
    answers[`GET ${API}/anomalies/counts`] = { items: [{ ...text, count: 1 }, { ...text, kind: 'orphan', count: 0 }] }
    answers[`GET ${API}/anomalies`] = {
      items: [{ ...text, ...KEY, detail: 'address, retention_days', seen_at: null }],
      next_cursor: null,
    }
    await shown(AnomalyPanel)

    expect(one('anomaly-missing_fields').textContent).toBe('Fields are missing.1')
    expect(document.body.textContent).toContain('Fill them in.')
    expect(document.body.textContent).toContain('Address, Days of recording')
    expect(document.body.textContent).toContain('1 other kinds: none found.')

    await click(`mend-${CAMERA}`)
    expect(one('channel-editor')).toBeTruthy()
  })
})
