export { type DevicesOptions, type DevicesPage, type DevicesWords, devicesPage } from './devices.ts'
export type { Refusal, StudioEvent, StudioListener } from './events.ts'
export type { Admission, Guard, Operator } from './guard.ts'
export type { Mounted } from './mount.ts'
export type {
  AdvisorChoice,
  AdvisorLine,
  AdvisorPanel,
  AdvisorQuestion,
  AdvisorRank,
  AdvisorResult,
  DoctorCheck,
  DoctorDiagnosis,
  DoctorPanel,
  FiguresPanel,
  LabAttack,
  LabCell,
  LabReport,
  LabRow,
  LabVerdict,
  Panels,
} from './panels.ts'
export { type ServedStudio, type ServeOptions, serveStudio } from './serve.ts'
export { type Studio, type StudioOptions, studio } from './studio.ts'
