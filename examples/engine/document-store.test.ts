import { manualClock, storeSuite } from 'strongroom/testing'
import { documentStore, type Kept } from './document-store.ts'
import { ToyDocuments } from './documents.ts'

storeSuite('documents', async () => {
  const clock = manualClock()
  const documents = new ToyDocuments<Kept>()
  const store = documentStore(documents, clock)
  return {
    store,
    clock,
    peer: async () => documentStore(documents, clock),
    apart: async () => documentStore(new ToyDocuments(), clock),
    breakIt: async () => documents.stop(),
    close: () => store.close(),
  }
})
