import { manualClock, storeSuite } from 'strongroom/testing'
import { documentStore, type Stored } from './document-store.ts'
import { ToyDocuments } from './documents.ts'

storeSuite('documents', async () => {
  const clock = manualClock()
  const documents = new ToyDocuments<Stored>()
  const store = documentStore(documents, clock)
  return {
    store,
    clock,
    peer: async () => documentStore(documents, clock),
    sibling: async () => documentStore(new ToyDocuments(), clock),
    breakBackend: async () => documents.stop(),
    close: () => store.close(),
  }
})
