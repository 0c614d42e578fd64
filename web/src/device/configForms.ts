import type { Schemas } from '@/api/client'

export type Value = string | number | boolean | null
export type Values = Record<string, Value>
export type BlockOrder = Schemas['ConfigOrder']['blocks'][number]

/** One value of a block; the control follows from `kind`. */
export interface Field {
  key: string
  kind: 'text' | 'number' | 'switch' | 'choice'
  min?: number
  max?: number
  longest?: number
  choices?: readonly (string | number)[]
}

/** What of a block can be written here: its values, and its rows, where it has any. */
export interface BlockForm {
  fields: readonly Field[]
  rows?: { key: string; fields: readonly Field[]; most: number; blank?: Values }
  /** Values that stay as they are can be left out. */
  isPartial?: boolean
}

export interface Filled {
  values: Values
  rows: Values[]
}

const PIXELS = { kind: 'number', min: 0, max: 16_384 } as const
const CODE = { kind: 'text', longest: 32 } as const
const STREAM: readonly Field[] = [
  { key: 'video_format', ...CODE },
  { key: 'resolution', ...CODE },
  { key: 'frame_rate', ...CODE },
  { key: 'bit_rate_type', ...CODE },
  { key: 'video_bit_rate', ...CODE },
]

/** The blocks that have a form; the others are shown as the device has them. What would send a
 * device to another server (2014) is left to whoever writes it by the API on purpose. */
export const FORMS: Readonly<Partial<Record<string, BlockForm>>> = {
  BasicParam: {
    isPartial: true,
    fields: [
      { key: 'name', kind: 'text', longest: 255 },
      { key: 'expiration_s', kind: 'number', min: 3600, max: 4_294_967_295 },
      { key: 'heartbeat_interval_s', kind: 'number', min: 1, max: 86_400 },
      { key: 'heartbeat_count', kind: 'number', min: 1, max: 255 },
    ],
  },
  OSDConfig: {
    fields: [
      { key: 'window_width_px', ...PIXELS },
      { key: 'window_height_px', ...PIXELS },
      { key: 'is_time_shown', kind: 'switch' },
      { key: 'time_type', kind: 'choice', choices: [0, 1] },
      { key: 'time_x_px', ...PIXELS },
      { key: 'time_y_px', ...PIXELS },
      { key: 'is_text_shown', kind: 'switch' },
    ],
    rows: {
      key: 'texts',
      most: 8,
      blank: { text: '', x_px: 0, y_px: 0 },
      fields: [
        { key: 'text', kind: 'text', longest: 32 },
        { key: 'x_px', ...PIXELS },
        { key: 'y_px', ...PIXELS },
      ],
    },
  },
  // Streams are the device's: they can be changed, not added.
  VideoParamAttribute: { fields: [], rows: { key: 'streams', most: 16, fields: STREAM } },
  VideoParamConfig: { fields: [], rows: { key: 'streams', most: 16, fields: STREAM } },
}

type Block = Record<string, unknown>

const plain = (value: unknown): Value =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null

/** The form as the device has its block; rows keep what they are known by. */
export function filled(form: BlockForm, block: Block): Filled {
  const rows = form.rows === undefined ? [] : (block[form.rows.key] as Block[])
  return {
    values: Object.fromEntries(form.fields.map(({ key }) => [key, plain(block[key])])),
    rows: rows.map((row) =>
      Object.fromEntries(Object.entries(row).map(([key, value]) => [key, plain(value)])),
    ),
  }
}

/** What is to be written; null where nothing was changed. */
export function order(type: string, form: BlockForm, before: Filled, now: Filled): BlockOrder | null {
  const changed = form.fields.filter(({ key }) => now.values[key] !== before.values[key])
  const areRowsChanged = JSON.stringify(now.rows) !== JSON.stringify(before.rows)
  if (changed.length === 0 && !areRowsChanged) return null
  const written = form.isPartial ? changed : form.fields
  return {
    config_type: type,
    ...Object.fromEntries(written.map(({ key }) => [key, now.values[key]])),
    ...(form.rows === undefined ? {} : { [form.rows.key]: now.rows }),
  } as unknown as BlockOrder
}
