//! What each operation of a device is here: which kernels and products, on which memory.

use super::*;

impl<M: Machine> Device for Cuda<M> {
    const SHARDS_SIDE_BY_SIDE: bool = false;

    type Buffer = Buffer<M>;
    type Index = Index<M>;
    type Operand = Operand<M>;
    type Losses = Losses<M>;
    type Record = Record<M>;

    fn check(&self) -> Result<(), DeviceError> {
        self.state().failed.clone().map_or(Ok(()), Err)
    }

    fn buffer(&self, len: usize) -> Buffer<M> {
        Buffer { memory: self.act(|queue| queue.memory(4 * len)), len }
    }

    fn write(&self, to: &mut Buffer<M>, start: usize, values: &[f32]) {
        assert!(start + values.len() <= to.len, "floats past the end of a buffer");
        if let Some(memory) = &to.memory {
            self.act(|queue| queue.state.staging.write(queue.ground, memory, start, as_words(values)));
        }
    }

    fn read(&self, from: &Buffer<M>, start: usize, values: &mut [f32]) {
        assert!(start + values.len() <= from.len, "floats past the end of a buffer");
        if values.is_empty() {
            return;
        }
        let done = self.act(|queue| {
            queue.flush()?;
            queue.ground.machine.read(from.at(start), as_words_mut(values))
        });
        if done.is_none() {
            values.fill(0.0);
        }
    }

    fn index(&self) -> Index<M> {
        Index { memory: None, len: 0, slots: None }
    }

    fn write_index(&self, to: &mut Index<M>, rows: &[u32]) {
        (to.len, to.slots) = (rows.len(), None);
        if !rows.is_empty() {
            self.replace(to, rows);
        }
    }

    fn write_slots(&self, to: &mut Index<M>, slots: &[u32]) {
        self.list_entries(to, slots);
    }

    fn operand(&self) -> Operand<M> {
        Operand { memory: None, address: 0, depth: 0, columns: 0, stride: 0, transposed: false }
    }

    fn losses(&self) -> Losses<M> {
        Losses(self.act(|queue| queue.memory(4 * LOSSES_HEAD + 8 * LOSSES_KEPT)))
    }

    fn take_losses(&self, losses: &mut Losses<M>) -> Vec<f64> {
        let Some(memory) = &losses.0 else { return vec![] };
        let taken = self.act(|queue| {
            queue.flush()?;
            let mut words = vec![0u32; LOSSES_HEAD + 2 * LOSSES_KEPT];
            queue.ground.machine.read(memory.address, &mut words)?;
            queue.state.staging.write(queue.ground, memory, 0, &[0])?;
            let count = words[0] as usize;
            let double = |pair: &[u32]| f64::from_bits(u64::from(pair[1]) << 32 | u64::from(pair[0]));
            Ok(words[LOSSES_HEAD..].chunks_exact(2).take(count).map(double).collect())
        });
        taken.unwrap_or_default()
    }

    fn prepare(&self, source: Matrix<'_, Self>, transposed: bool, to: &mut Operand<M>) {
        let (depth, columns) = match transposed {
            false => (source.rows, source.columns),
            true => (source.columns, source.rows),
        };
        *to = Operand {
            memory: source.buffer.memory.clone(),
            address: source.buffer.at(source.start),
            depth,
            columns,
            stride: source.stride,
            transposed,
        };
    }

    fn prepare_rows(
        &self,
        table: &Buffer<M>,
        width: usize,
        rows: &Index<M>,
        forward: &mut Operand<M>,
        backward: &mut Operand<M>,
    ) {
        let count = rows.len * width;
        let memory = self.act(|queue| {
            let memory = match &backward.memory {
                Some(memory) if memory.bytes >= 4 * count => memory.clone(),
                _ => queue.memory(4 * count)?,
            };
            let gather = Gather {
                table: table.at(0),
                rows: rows.address(),
                out: memory.address,
                dropping: queue.dropping(Dropout::NONE),
                table_rows: (table.len / width) as u32,
                width: width as u32,
                count: count as u32,
                unused: 0,
            };
            queue.each(count, gather)?;
            Ok(memory)
        });
        let address = memory.as_ref().map_or(0, |memory| memory.address);
        let operand = |depth, columns, transposed| Operand {
            memory: memory.clone(),
            address,
            depth,
            columns,
            stride: width,
            transposed,
        };
        *forward = operand(width, rows.len, true);
        *backward = operand(rows.len, width, false);
    }

    fn product(
        &self,
        a: Matrix<'_, Self>,
        b: &Operand<M>,
        onto: Onto<'_, Self>,
        out: &mut Buffer<M>,
        start: usize,
        stride: usize,
    ) {
        assert_eq!(a.columns, b.depth);
        let out = out.at(start);
        if let Onto::Bias(row, start) = onto {
            let count = a.rows * b.columns;
            self.act(|queue| {
                let (width, stride) = (b.columns as u32, stride as u32);
                let row = row.at(start);
                queue.each(count, Broadcast { row, out, width, stride, count: count as u32, unused: 0 })
            });
        }
        self.multiply(Product {
            rows: a.rows,
            columns: b.columns,
            depth: b.depth,
            a: a.buffer.at(a.start),
            a_stride: a.stride,
            a_transposed: false,
            b: b.address,
            b_stride: b.stride,
            b_transposed: b.transposed,
            out,
            out_stride: stride,
            onto: !matches!(onto, Onto::Zero),
        });
    }

    fn product_transposed(
        &self,
        a: Matrix<'_, Self>,
        b: Matrix<'_, Self>,
        out: &mut Buffer<M>,
        start: usize,
    ) {
        assert_eq!(a.rows, b.rows);
        self.multiply(Product {
            rows: a.columns,
            columns: b.columns,
            depth: a.rows,
            a: a.buffer.at(a.start),
            a_stride: a.stride,
            a_transposed: true,
            b: b.buffer.at(b.start),
            b_stride: b.stride,
            b_transposed: false,
            out: out.at(start),
            out_stride: b.columns,
            onto: false,
        });
    }

    fn column_sums(&self, a: Matrix<'_, Self>, out: &mut Buffer<M>, start: usize) {
        let chunks = a.rows.div_ceil(CHUNK);
        self.act(|queue| {
            let partial = queue.scratch(Scratch::Chunks, chunks * a.columns)?;
            let arguments = ColumnChunks {
                from: a.buffer.at(a.start),
                partial,
                rows: a.rows as u32,
                columns: a.columns as u32,
                stride: a.stride as u32,
                chunk: CHUNK as u32,
            };
            queue.blocks(chunks, arguments)?;
            queue.sum_chunks(partial, chunks, a.columns, false, out.at(start))
        });
    }

    fn gather(
        &self,
        table: &Buffer<M>,
        width: usize,
        rows: &Index<M>,
        dropout: Dropout,
        out: &mut Buffer<M>,
    ) {
        let count = (rows.len * width).min(out.len);
        self.act(|queue| {
            let arguments = Gather {
                table: table.at(0),
                rows: rows.address(),
                out: out.at(0),
                dropping: queue.dropping(dropout),
                table_rows: (table.len / width) as u32,
                width: width as u32,
                count: count as u32,
                unused: 0,
            };
            queue.each(count, arguments)
        });
    }

    fn add_rows(&self, table: &Buffer<M>, start: usize, width: usize, rows: &Index<M>, out: &mut Buffer<M>) {
        let count = (rows.len * width).min(out.len);
        self.act(|queue| {
            let arguments = AddRows {
                table: table.at(start),
                rows: rows.address(),
                out: out.at(0),
                table_rows: ((table.len - start) / width) as u32,
                width: width as u32,
                count: count as u32,
                unused: 0,
            };
            queue.each(count, arguments)
        });
    }

    fn add_bags(&self, table: &Buffer<M>, width: usize, bags: &Bags<Self>, out: &mut Buffer<M>) {
        let count = (bags.offsets.len.saturating_sub(1) * width).min(out.len);
        self.act(|queue| {
            let arguments = AddBags {
                table: table.at(0),
                offsets: bags.offsets.address(),
                rows: bags.rows.address(),
                scales: bags.scales.at(0),
                out: out.at(0),
                table_rows: (table.len / width) as u32,
                width: width as u32,
                count: count as u32,
                unused: 0,
            };
            queue.each(count, arguments)
        });
    }

    fn scatter_add(
        &self,
        source: &Buffer<M>,
        width: usize,
        rows: &Index<M>,
        out: &mut Buffer<M>,
        start: usize,
        count: usize,
    ) {
        let (sources, size) = (rows.len.min(source.len / width), count * width);
        // Larger chunks where the table is not that small.
        let most = (SCATTER_FLOATS / size.max(1)).max(1);
        let chunk = CHUNK.max(sources.div_ceil(most));
        let chunks = sources.div_ceil(chunk);
        self.act(|queue| {
            let partial = queue.scratch(Scratch::Chunks, chunks * size)?;
            let arguments = ScatterChunks {
                from: source.at(0),
                rows: rows.address(),
                partial,
                count: sources as u32,
                width: width as u32,
                table_rows: count as u32,
                chunk: chunk as u32,
            };
            queue.blocks(chunks, arguments)?;
            queue.sum_chunks(partial, chunks, size, false, out.at(start))
        });
    }

    fn dropout(&self, from: &Buffer<M>, start: usize, len: usize, dropout: Dropout, out: &mut Buffer<M>) {
        assert!(start + len <= from.len && len <= out.len);
        self.drop_out(from.at(start), len, dropout, out.at(0));
    }

    fn dropout_in_place(&self, buffer: &mut Buffer<M>, len: usize, dropout: Dropout) {
        assert!(len <= buffer.len);
        self.drop_out(buffer.at(0), len, dropout, buffer.at(0));
    }

    fn average_forward(
        &self,
        lanes: usize,
        width: usize,
        rate: f32,
        values: &Buffer<M>,
        averages: &mut Buffer<M>,
    ) {
        let size = lanes * width;
        self.act(|queue| {
            let arguments = AverageForward {
                values: values.at(0),
                averages: averages.at(0),
                size: size as u32,
                steps: (values.len / size) as u32,
                keep: 1.0 - rate,
                gain: rate.sqrt(),
            };
            queue.each(size, arguments)
        });
    }

    fn average_backward(
        &self,
        lanes: usize,
        width: usize,
        rate: f32,
        outputs: &mut Buffer<M>,
        gradients: &mut Buffer<M>,
    ) {
        let size = lanes * width;
        self.act(|queue| {
            let arguments = AverageBackward {
                outputs: outputs.at(0),
                gradients: gradients.at(0),
                size: size as u32,
                steps: (gradients.len / size) as u32,
                keep: 1.0 - rate,
                gain: rate.sqrt(),
            };
            queue.each(size, arguments)
        });
    }

    fn copy_within(&self, buffer: &mut Buffer<M>, from: usize, len: usize, to: usize) {
        assert!(from + len <= buffer.len && to + len <= buffer.len && from.abs_diff(to) >= len);
        let (from, to) = (buffer.at(from), buffer.at(to));
        self.act(|queue| {
            queue.flush()?;
            queue.ground.machine.copy(from, to, 4 * len)
        });
    }

    fn scale_rows(
        &self,
        buffer: &mut Buffer<M>,
        start: usize,
        width: usize,
        factors: &Buffer<M>,
        rows: usize,
    ) {
        let count = rows * width;
        assert!(start + count <= buffer.len && rows <= factors.len);
        let (values, factors) = (buffer.at(start), factors.at(0));
        self.act(|queue| {
            queue.each(count, ScaleRows { values, factors, width: width as u32, count: count as u32 })
        });
    }

    fn gru_forward(
        &self,
        shape: &GruShape,
        inputs: &Buffer<M>,
        recurrent: &Operand<M>,
        bias: (&Buffer<M>, usize),
        states: &mut Buffer<M>,
        saved: &mut Buffer<M>,
    ) {
        let &GruShape { steps, lanes, hidden } = shape;
        let size = lanes * hidden;
        self.act(|queue| {
            let product = queue.scratch(Scratch::Recurrent, 3 * size)?;
            for t in 0..steps {
                queue.product(&Product {
                    rows: lanes,
                    columns: 3 * hidden,
                    depth: hidden,
                    a: states.at(t * size),
                    a_stride: hidden,
                    a_transposed: false,
                    b: recurrent.address,
                    b_stride: recurrent.stride,
                    b_transposed: recurrent.transposed,
                    out: product,
                    out_stride: 3 * hidden,
                    onto: false,
                })?;
                let arguments = GatesForward {
                    inputs: inputs.at(t * 3 * size),
                    product,
                    bias: bias.0.at(bias.1),
                    previous: states.at(t * size),
                    next: states.at((t + 1) * size),
                    saved: saved.at(t * 4 * size),
                    hidden: hidden as u32,
                    count: size as u32,
                };
                queue.each(size, arguments)?;
            }
            Ok(())
        });
    }

    fn gru_backward(
        &self,
        shape: &GruShape,
        outputs: &Buffer<M>,
        recurrent: &Operand<M>,
        states: &Buffer<M>,
        saved: &Buffer<M>,
        gates: &mut Buffer<M>,
    ) {
        let &GruShape { steps, lanes, hidden } = shape;
        let size = lanes * hidden;
        self.act(|queue| {
            let carried = queue.scratch(Scratch::Carried, size)?;
            queue.flush()?;
            queue.ground.machine.zero(carried, 4 * size)?;
            for t in (0..steps).rev() {
                let arguments = GatesBackward {
                    outside: outputs.at(t * size),
                    previous: states.at(t * size),
                    saved: saved.at(t * 4 * size),
                    carried,
                    gates: gates.at(t * 4 * size),
                    hidden: hidden as u32,
                    count: size as u32,
                };
                queue.each(size, arguments)?;
                if t > 0 {
                    queue.product(&Product {
                        rows: lanes,
                        columns: hidden,
                        depth: 3 * hidden,
                        a: gates.at(t * 4 * size),
                        a_stride: 4 * hidden,
                        a_transposed: false,
                        b: recurrent.address,
                        b_stride: recurrent.stride,
                        b_transposed: recurrent.transposed,
                        out: carried,
                        out_stride: hidden,
                        onto: true,
                    })?;
                }
            }
            Ok(())
        });
    }

    fn softmax(
        &self,
        input: SoftmaxInput<'_, Self>,
        negatives: &Negatives<Self>,
        gradients: SoftmaxGradients<'_, Self>,
        losses: &mut Losses<M>,
    ) {
        let SoftmaxInput { queries, table, bias, targets, weights } = input;
        let (width, count, rows) = (queries.columns, negatives.count, queries.rows);
        assert_eq!(queries.stride, width, "queries are dense");
        let at_once = self.logits_bytes / (4 * count) / SOFTMAX_ROWS * SOFTMAX_ROWS;
        let at_once = at_once.clamp(SOFTMAX_ROWS, rows.next_multiple_of(SOFTMAX_ROWS));
        let Some(kept) = &losses.0 else { return };
        self.act(|queue| {
            let logits = queue.scratch(Scratch::Logits, at_once.min(rows) * count)?;
            let row_losses = queue.scratch(Scratch::Losses, rows)?;
            let partial = queue.scratch(Scratch::Chunks, at_once / SOFTMAX_ROWS * count)?;
            for first in (0..rows).step_by(at_once) {
                let part = at_once.min(rows - first);
                let block = queries.buffer.at(queries.start + first * width);
                queue.product(&Product {
                    rows: part,
                    columns: count,
                    depth: width,
                    a: block,
                    a_stride: width,
                    a_transposed: false,
                    b: negatives.forward.address,
                    b_stride: negatives.forward.stride,
                    b_transposed: negatives.forward.transposed,
                    out: logits,
                    out_stride: count,
                    onto: false,
                })?;
                let blocks = part.div_ceil(SOFTMAX_ROWS);
                let arguments = Softmax {
                    queries: block,
                    table: table.at(0),
                    bias: bias.at(0),
                    offsets: negatives.offsets.at(0),
                    weights: weights.at(first),
                    targets: targets.address() + 4 * first as u64,
                    ids: negatives.ids.address(),
                    logits,
                    target_scale: gradients.target_scale.at(first),
                    losses: row_losses + 4 * first as u64,
                    partial,
                    rows: part as u32,
                    width: width as u32,
                    count: count as u32,
                    table_rows: bias.len.min(table.len / width) as u32,
                };
                queue.blocks(blocks, arguments)?;
                queue.sum_chunks(partial, blocks, count, first > 0, gradients.negative_bias.at(0))?;
                queue.product(&Product {
                    rows: part,
                    columns: width,
                    depth: count,
                    a: logits,
                    a_stride: count,
                    a_transposed: false,
                    b: negatives.backward.address,
                    b_stride: negatives.backward.stride,
                    b_transposed: negatives.backward.transposed,
                    out: gradients.queries.at(first * width),
                    out_stride: width,
                    onto: false,
                })?;
                let arguments = AddTargets {
                    table: table.at(0),
                    scale: gradients.target_scale.at(first),
                    targets: targets.address() + 4 * first as u64,
                    out: gradients.queries.at(first * width),
                    width: width as u32,
                    count: (part * width) as u32,
                };
                queue.each(part * width, arguments)?;
                queue.product(&Product {
                    rows: count,
                    columns: width,
                    depth: part,
                    a: logits,
                    a_stride: count,
                    a_transposed: true,
                    b: block,
                    b_stride: width,
                    b_transposed: false,
                    out: gradients.negatives.at(0),
                    out_stride: width,
                    onto: first > 0,
                })?;
            }
            let arguments = TotalLoss {
                losses: row_losses,
                weights: weights.at(0),
                taken: kept.address,
                totals: kept.address + 4 * LOSSES_HEAD as u64,
                rows: rows as u32,
                most: LOSSES_KEPT as u32,
            };
            queue.blocks(1, arguments)
        });
    }

    fn repeat(&self, record: &mut Record<M>, key: u64, seed: u32, work: &mut dyn FnMut()) {
        let freed = || self.ground.freed.load(Ordering::Relaxed);
        // Kernels take the seed from memory, because what was recorded keeps its arguments.
        self.act(|queue| {
            let word = match &queue.state.seed_word {
                Some(word) => word.clone(),
                None => queue.memory(4)?,
            };
            // With a launch, not a transfer: what the step needs may be on its way already.
            queue.blocks(1, Set { to: word.address, value: seed, unused: 0 })?;
            (queue.state.seed_word, queue.state.seed) = (Some(word), Some(seed));
            Ok(())
        });
        let before = std::mem::take(record);
        *record = match before {
            Record::Recorded(its, then, graph) if its == key && then == freed() => {
                self.replay(&graph);
                Record::Recorded(key, then, graph)
            }
            Record::Seen(its, then) if its == key && then == freed() => match self.record(work) {
                Ok(graph) => {
                    self.replay(&graph);
                    Record::Recorded(key, then, graph)
                }
                Err(why) => {
                    self.state().unrecorded = Some(why);
                    work();
                    Record::Plain(key)
                }
            },
            Record::Plain(its) if its == key => {
                work();
                Record::Plain(key)
            }
            _ => {
                work();
                Record::Seen(key, freed())
            }
        };
        self.state().seed = None;
    }

    fn each_shard(&self, count: usize, work: &(dyn Fn(usize) + Sync)) {
        (0..count).for_each(work);
    }

    fn dense_step(&self, weights: &mut Weights<Self>, gradients: &[&Buffer<M>], rule: Rule) {
        let len = weights.values.len;
        self.act(|queue| {
            let mut gradient = gradients[0].at(0);
            if gradients.len() > 1 {
                let sum = queue.scratch(Scratch::Gradient, len)?;
                queue.flush()?;
                queue.ground.machine.copy(gradient, sum, 4 * len)?;
                for more in &gradients[1..] {
                    let from = more.at(0);
                    queue.each(len, Add { from, to: sum, count: len as u32, unused: 0 })?;
                }
                gradient = sum;
            }
            let arguments = DenseStep {
                values: weights.values.at(0),
                first: weights.first.at(0),
                second: weights.second.at(0),
                gradient,
                rule: rule.into(),
                count: len as u32,
                unused: 0,
            };
            queue.each(len, arguments)
        });
    }

    fn sum_rows(
        &self,
        width: usize,
        count: usize,
        contributions: &[Contribution<'_, Self>],
        out: &mut Buffer<M>,
    ) {
        assert!(count * width <= out.len);
        self.act(|queue| {
            let contributions = Self::shares(queue, width, count, contributions)?;
            let out = out.at(0);
            queue.each(count * width, SumRows { contributions, out, count: count as u32, unused: 0 })
        });
    }

    fn sparse_step(
        &self,
        weights: &mut Weights<Self>,
        width: usize,
        rows: &Index<M>,
        contributions: &[Contribution<'_, Self>],
        rule: Rule,
    ) {
        let threads = self.ground.machine.threads() as usize;
        let per_block = threads / width.min(threads);
        self.act(|queue| {
            let contributions = Self::shares(queue, width, rows.len, contributions)?;
            let arguments = SparseStep {
                contributions,
                values: weights.values.at(0),
                first: weights.first.at(0),
                second: weights.second.at(0),
                touched: weights.touched.at(0),
                rows: rows.address(),
                rule: rule.into(),
                count: rows.len as u32,
                unused: 0,
            };
            queue.blocks(rows.len.div_ceil(per_block), arguments)
        });
    }
}

impl<M: Machine> Cuda<M> {
    /// Drops numbers out on their way from one place to another, which may be the same.
    fn drop_out(&self, from: u64, len: usize, dropout: Dropout, out: u64) {
        self.act(|queue| {
            let dropping = queue.dropping(dropout);
            queue.each(len, DropOut { from, out, dropping, count: len as u32, unused: 0 })
        });
    }
}
