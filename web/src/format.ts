/** How numbers and moments are shown; moments in the time zone of the site. */

const DASH = '\u2013'

export function fraction(part: number, whole: number): string {
  return `${part} / ${whole}`
}

/** A ratio as per cent with two places, cut, not rounded up: 99.999 % is not 100 %. */
export function percent(ratio: number | null | undefined): string {
  if (ratio === null || ratio === undefined) return DASH
  return `${(Math.floor(ratio * 10_000 + 1e-6) / 100).toFixed(2)} %`
}

export function bitrate(bitsPerSecond: number): string {
  if (bitsPerSecond >= 1_000_000) return `${(bitsPerSecond / 1_000_000).toFixed(2)} Mbit/s`
  return `${Math.round(bitsPerSecond / 1_000)} kbit/s`
}

/** Seconds as hours, minutes and seconds: 26:03:07. */
export function clockTime(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${two(Math.floor(whole / 3600))}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`
}

const formats = new Map<string, Intl.DateTimeFormat>()

function parts(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    })
    formats.set(zone, format)
  }
  return format
}

/** Year, month (1 to 12), day, hour, minute and second of a moment on the site's clock. */
export function wallClock(at: Date, zone: string): readonly [number, number, number, number, number, number] {
  const found = new Map(parts(zone).formatToParts(at).map(({ type, value }) => [type, Number(value)]))
  const get = (type: Intl.DateTimeFormatPartTypes): number => found.get(type) ?? 0
  return [get('year'), get('month'), get('day'), get('hour'), get('minute'), get('second')]
}

/** A moment on the site's clock: 2026-03-01 08:00:00. */
export function moment(at: string | null | undefined, zone: string): string {
  if (!at) return DASH
  const [year, month, day, hour, minute, second] = wallClock(new Date(at), zone)
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${year}-${two(month)}-${two(day)} ${two(hour)}:${two(minute)}:${two(second)}`
}
