//! The full-text index that proposes sections: tantivy in memory, BM25 on question, paraphrases and answer.

use tantivy::{
    Index as TantivyIndex, IndexReader, ReloadPolicy, TantivyDocument, TantivyError, Term,
    collector::TopDocs,
    doc,
    query::{BooleanQuery, BoostQuery, Occur, Query, TermQuery},
    schema::{FAST, Field, IndexRecordOption, STRING, Schema, TextFieldIndexing, TextOptions},
    tokenizer::TextAnalyzer,
};

use super::{parse::Section, primary, terms::Terms};

/// The least memory that tantivy builds an index with, in bytes; freed when it is built.
const BUILD_MEMORY: usize = 15_000_000;

/// The most terms of one question that are looked up.
const MAX_TERMS: usize = 48;

/// What a term is worth in the question, in a paraphrase, in the answer.
const BOOSTS: [f32; 3] = [3.0, 2.5, 1.0];

pub(super) struct Index {
    reader: IndexReader,
    language: Field,
    /// Question, paraphrases, answer.
    texts: [Field; 3],
}

impl Index {
    pub(super) fn build(sections: &[Section]) -> Result<Self, TantivyError> {
        let mut schema = Schema::builder();
        let indexing =
            TextFieldIndexing::default().set_tokenizer("terms").set_index_option(IndexRecordOption::WithFreqs);
        let options = TextOptions::default().set_indexing_options(indexing);
        let id = schema.add_u64_field("id", FAST);
        let language = schema.add_text_field("language", STRING);
        let texts = ["question", "paraphrases", "answer"].map(|name| schema.add_text_field(name, options.clone()));
        let index = TantivyIndex::create_in_ram(schema.build());
        index.tokenizers().register("terms", TextAnalyzer::from(Terms));
        let mut writer = index.writer_with_num_threads::<TantivyDocument>(1, BUILD_MEMORY)?;
        for (number, section) in (0_u64..).zip(sections) {
            writer.add_document(doc!(
                id => number,
                language => primary(&section.language),
                texts[0] => section.question.as_str(),
                texts[1] => section.paraphrases.join("\n"),
                texts[2] => section.answer.as_str(),
            ))?;
        }
        writer.commit()?;
        writer.wait_merging_threads()?;
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        Ok(Self { reader, language, texts })
    }

    /// The sections (by number) that share terms with a question, best first, with their BM25 scores.
    pub(super) fn candidates<'a>(
        &self,
        terms: impl Iterator<Item = &'a str>,
        language: Option<&str>,
        most: usize,
    ) -> Vec<(usize, f32)> {
        let mut any: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        for term in terms.take(MAX_TERMS) {
            for (field, boost) in self.texts.iter().zip(BOOSTS) {
                let query = TermQuery::new(Term::from_field_text(*field, term), IndexRecordOption::WithFreqs);
                any.push((Occur::Should, Box::new(BoostQuery::new(Box::new(query), boost))));
            }
        }
        if any.is_empty() {
            return Vec::new();
        }
        let mut query: Box<dyn Query> = Box::new(BooleanQuery::new(any));
        if let Some(language) = language {
            let term = Term::from_field_text(self.language, language);
            let only = BoostQuery::new(Box::new(TermQuery::new(term, IndexRecordOption::Basic)), 0.0);
            query = Box::new(BooleanQuery::new(vec![(Occur::Must, query), (Occur::Must, Box::new(only))]));
        }
        self.search(&*query, most).unwrap_or_else(|error| {
            tracing::error!(%error, "The knowledge index cannot be searched; questions get no answer.");
            Vec::new()
        })
    }

    fn search(&self, query: &dyn Query, most: usize) -> Result<Vec<(usize, f32)>, TantivyError> {
        let searcher = self.reader.searcher();
        let mut found = Vec::new();
        for (score, address) in searcher.search(query, &TopDocs::with_limit(most).order_by_score())? {
            let ids = searcher.segment_reader(address.segment_ord).fast_fields().u64("id")?;
            found.extend(ids.first(address.doc_id).and_then(|id| usize::try_from(id).ok()).map(|id| (id, score)));
        }
        Ok(found)
    }
}
