import { Router } from 'express'
import { cellOf } from '../lab/properties.ts'
import { showPage } from '../reply.ts'
import type { Site } from '../site.ts'
import { cellView, labView } from '../views/lab.ts'
import { errorPage } from './error.ts'

export function labPages(site: Site): Router {
  const pages = Router()
  const { report } = site

  pages.get('/lab', (request, response) =>
    showPage(site, request, response, { title: 'The lab', body: () => labView(report) }),
  )
  pages.get('/lab/cell', (request, response) => {
    const { row, attack } = request.query
    const cell = cellOf(report, row, attack)
    if (!cell) return errorPage(response, 404, 'The lab’s report has no such cell.')
    return showPage(site, request, response, {
      title: `${cell.row}: ${cell.attack}`,
      body: () => cellView(report, cell),
    })
  })
  return pages
}
