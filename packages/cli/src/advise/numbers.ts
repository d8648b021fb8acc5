/** "1,204", "74.5", "0.031": three digits where there are fewer than four before the point. */
export function amount(value: number): string {
  const digits = Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(3))
  return digits.toLocaleString('en', { maximumFractionDigits: 6 })
}

/** For sums: "0.37", "0.002". */
export const rounded = (value: number) => amount(Number(value.toPrecision(2)))

const UNITS = ['bytes', 'KB', 'MB', 'GB', 'TB', 'PB'] as const

/** "2.09 GB", in steps of 1024. */
export function bytesText(value: number): string {
  const step = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, value)) / 10)))
  return `${amount(value / 1024 ** step)} ${UNITS[step]}`
}

/** "12 %". */
export const percent = (share: number) => `${amount(share * 100)} %`
