/** Three significant digits, and thin spaces between thousands. */
export function number(value: number): string {
  const size = Math.abs(value)
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : 2
  return value.toFixed(digits).replace(/\B(?=(\d{3})+$)/g, '\u202f')
}

export const percent = (ratio: number | null): string =>
  ratio === null ? '' : `${(ratio * 100).toFixed(ratio < 0.995 ? 1 : 0)} %`

/** A ratio of processor times: twice as much is 2 ×. */
export const times = (ratio: number): string => `${ratio.toFixed(2)} ×`
