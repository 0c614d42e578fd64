import type { Schemas } from '@/api/client'

export type ChannelDetail = Schemas['ChannelDetail']
export type Patch = Schemas['ChannelPatchIn']
export type FieldName = keyof Patch
/** What is set over the report; null follows the report. */
export type Given = string | number | string[] | null
export type Draft = Partial<Record<FieldName, Given>>

export type FieldKind =
  | 'text'
  | 'number'
  | 'degrees'
  | 'day'
  | 'division'
  | 'class'
  | 'site-type'
  | 'system'
  | 'tags'
  | 'own-group'

export interface Field {
  name: FieldName
  kind: FieldKind
  /** What of a report fills it where nobody sets it, in this order; empty: no device reports it. */
  reported: readonly string[]
}

function field(name: FieldName, kind: FieldKind, ...reported: string[]): Field {
  return { name, kind, reported }
}

/** What can be set of a channel, as the editor groups it. */
export const SECTIONS = [
  {
    name: 'place',
    fields: [
      field('name', 'text', 'name'),
      field('division', 'division', 'civil_code'),
      field('grassroots_code', 'text', 'grassroots_code'),
      field('address', 'text', 'address'),
      field('coordinate_system', 'system'),
      field('longitude', 'degrees', 'longitude'),
      field('latitude', 'degrees', 'latitude'),
    ],
  },
  {
    name: 'kind',
    fields: [
      field('class', 'class', 'point_type'),
      field('site_type', 'site-type', 'capture_position_type'),
      field('own_group_id', 'own-group'),
      field('tags', 'tags'),
    ],
  },
  {
    name: 'people',
    fields: [
      field('department', 'text', 'owner', 'management_unit'),
      field('management_unit', 'text', 'management_unit'),
      field('builder', 'text'),
      field('project', 'text'),
      field('maintainer', 'text'),
      field('contact_info', 'text', 'contact_info'),
    ],
  },
  {
    name: 'demands',
    fields: [
      field('installed_on', 'day', 'install_time'),
      field('retention_days', 'number', 'record_save_days'),
      field('required_resolution', 'text'),
    ],
  },
] as const satisfies readonly { name: string; fields: readonly Field[] }[]

export const FIELDS: readonly Field[] = SECTIONS.flatMap((section) => [...section.fields])

export const SYSTEMS = ['wgs84', 'gcj02', 'bd09', 'cgcs2000'] as const
export const POINT_CLASSES = ['1', '2', '3', '9'] as const
export const MOST_TAGS = 16

/** What the device reports for a field; null where it told nothing. */
export function reportedOf({ reported: names }: Field, { reported }: Pick<ChannelDetail, 'reported'>): string | null {
  for (const name of names) {
    const value = reported[name]
    if (value !== null && value !== undefined && value !== '') return String(value)
  }
  return null
}

export interface ReportedLine {
  field: string
  name: string
  text: string
}

interface Wording {
  name: (field: string) => string
  flag: (isSet: boolean) => string
  isChinese: boolean
}

/** Everything that the device reports, word for word, its codes with what they mean. */
export function reportedLines(
  { reported, labels }: Pick<ChannelDetail, 'reported' | 'labels'>,
  { name, flag, isChinese }: Wording,
): ReportedLine[] {
  return Object.entries(reported).flatMap(([field, value]) => {
    const said = Array.isArray(value) ? value.join(' / ') : typeof value === 'boolean' ? flag(value) : String(value ?? '')
    if (said === '') return []
    const meant = (labels[field] ?? []).flatMap(({ zh, en }) => (isChinese ? zh : en) ?? [])
    return [{ field, name: name(field), text: meant.length > 0 ? `${said} (${meant.join(', ')})` : said }]
  })
}

/** What is set here of each field. */
export function draftOf({ local }: Pick<ChannelDetail, 'local'>): Draft {
  return Object.fromEntries(FIELDS.map(({ name }) => [name, local[name] ?? null]))
}

function isSame(one: Given | undefined, other: Given | undefined): boolean {
  return JSON.stringify(one ?? null) === JSON.stringify(other ?? null)
}

/** What a person typed, as it is sent: blanks at the ends say nothing, and nothing is null. */
export function cleaned(value: Given | undefined): Given {
  if (typeof value === 'string') return value.trim() || null
  if (Array.isArray(value)) return value.length > 0 ? value : null
  return value ?? null
}

/** What has to be sent so that `before` becomes `after`. A position is sent whole. */
export function patchOf(before: Draft, after: Draft): Patch {
  const patch: Draft = {}
  for (const { name } of FIELDS) {
    const value = cleaned(after[name])
    if (!isSame(value, before[name])) patch[name] = value
  }
  if ('longitude' in patch || 'latitude' in patch) {
    patch.longitude = cleaned(after.longitude)
    patch.latitude = cleaned(after.latitude)
  }
  return patch as Patch
}

/** The server's words about each field, by its name; the last part of `body.retention_days`. */
export function refusedFields(errors: readonly Schemas['FieldProblem'][]): Map<FieldName, string> {
  const found = new Map<FieldName, string>()
  for (const { field: path, message } of errors) {
    const parts = path.split('.')
    const name = FIELDS.find((each) => parts.includes(each.name))?.name
    if (name !== undefined && !found.has(name)) found.set(name, message)
  }
  return found
}
