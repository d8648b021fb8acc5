/// <reference types="astro/client" />

declare namespace App {
  interface Locals {
    session: import('strongroom/astro').PendingSession<{ visits: number }>
  }
}
