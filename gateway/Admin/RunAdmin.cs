using System.Globalization;
using System.Text;
using DurableGateway.Protocol;
using DurableGateway.Results;
using DurableGateway.Runs;
using DurableGateway.Storage;

namespace DurableGateway.Admin;

/// <summary>Implements <see cref="IRunAdmin"/>. Secrets are masked in everything it returns.</summary>
internal sealed class RunAdmin(
    RunIndex index, RunRecordReader records, IRunHistory history, OperatorCommandHandler commands, IRunStore store, IWaitStore waits,
    ResultUrlFactory urls, BodyMasker masking,
    RouteViewReader routes, StoreConnection connection, TimeProvider time) : IRunAdmin
{
    /// <summary>The maximum of runs that are read for one page if a filter has no index.</summary>
    private const int MaxLookedAt = 2000;

    public async Task<RunPage> ListAsync(RunQuery query, CancellationToken cancellation = default)
    {
        var beyond = query.Cursor is { } cursor ? ParseCursor(cursor) : (RunPlace?)null;
        var limit = Math.Clamp(query.Limit, 1, 200);

        // If no run has the id, the text may be an idempotency key that looks like one.
        if (RunId.TryParse(query.Search, out var id) && await records.GetAsync(id) is { } only)
        {
            return new RunPage(beyond is null && await FitsAsync(query, only, stepIsIndexed: false) ? [RunViewMapper.Row(only)] : [], null);
        }

        if (RunIdPrefix.Parse(query.Search) is { } prefix) return await ListByPrefixAsync(query, prefix, beyond, limit, cancellation);
        return await ListAsync(NamesOf(query), query, beyond, limit, cancellation);
    }

    /// <summary>Searches for an idempotency key first, because a key may look like the prefix of an id.</summary>
    private async Task<RunPage> ListByPrefixAsync(
        RunQuery query, RunIdPrefix prefix, RunPlace? beyond, int limit, CancellationToken cancellation)
    {
        var page = await ListAsync(NamesOf(query), query, beyond, limit, cancellation);
        if (page.Runs.Count > 0) return page;
        page = await ListAsync(RunIndex.All,
            query with { After = Later(query.After, prefix.Earliest), Before = prefix.Latest.AddMilliseconds(1) },
            beyond, limit, cancellation, prefix);
        if (page.Runs.Count > 0) return page;

        // The id of a run that was started by a step or an action has the time of the original run.
        return await ListAsync(RunIndex.All, query with { After = Later(query.After, prefix.Earliest) },
            beyond, limit, cancellation, prefix);
    }

    private static IReadOnlyList<string> NamesOf(RunQuery query) => query switch
    {
        { Search: { } key } => [RunIndex.OfSearched(key)],
        { Step: { } step } => [RunIndex.OfStep(step)],
        { Paused: true, Route: { } route } => [RunIndex.Of(RunState.Waiting, route), RunIndex.Of(RunState.Running, route)],
        { Paused: true } => [RunIndex.Of(RunState.Waiting), RunIndex.Of(RunState.Running)],
        { State: { } state, Route: { } route } => [RunIndex.Of(state, route)],
        { State: { } state } => [RunIndex.Of(state)],
        { Route: { } route } => RunIndex.OfRoute(route),
        _ => RunIndex.All,
    };

    private async Task<RunPage> ListAsync(
        IReadOnlyList<string> names, RunQuery query, RunPlace? beyond, int limit, CancellationToken cancellation,
        RunIdPrefix? prefix = null)
    {
        var rows = new List<RunRow>();
        for (var looked = 0; looked < MaxLookedAt; looked += limit + 1)
        {
            var places = await index.NewestAsync(names, beyond, Milliseconds(query.After), Milliseconds(query.Before), limit + 1);
            var found = await Task.WhenAll(places.Take(limit).Select(place => records.GetAsync(place.Id)));
            cancellation.ThrowIfCancellationRequested();
            for (var i = 0; i < found.Length; i++)
            {
                // Skip runs that have expired or have just changed their state.
                beyond = places[i];
                if (found[i] is { } record && prefix?.Begins(record.Id) is not false
                    && await FitsAsync(query, record, stepIsIndexed: query.Search is null))
                    rows.Add(RunViewMapper.Row(record));
                if (rows.Count == limit) return new RunPage(rows, i + 1 < places.Count ? Cursor(places[i]) : null);
            }

            if (places.Count <= limit) return new RunPage(rows, null);
        }

        return new RunPage(rows, beyond is { } end ? Cursor(end) : null);
    }

    public async Task<RunDetail?> GetAsync(RunId run, CancellationToken cancellation = default)
    {
        if (await records.GetAsync(run) is not { } record || await store.GetPolicyAsync(run) is not { } policy
            || await waits.GetRequestAsync(run) is not { } request) return null;
        var entries = (await history.GetWithReasonsAsync(run))
            .Select(entry => entry.Drift is { } drift ? entry with { Drift = masking.Drift(drift) } : entry).ToArray();
        var response = record.State.HasEnded() ? await store.GetResultAsync(run) : null;
        var steps = RunViewMapper.Steps(await records.GetStepsAsync(run), entries)
            .Select(step => step with { Body = masking.Body(step.Body, step.ContentType) }).ToArray();
        var row = RunViewMapper.Row(record);
        return new RunDetail(
            response is null ? row : row with { Status = response.Status }, policy.Name, masking.Request(request, policy.IdempotencyScope),
            response is null ? null : masking.Response(response, policy.IdempotencyScope),
            RunViewMapper.Attempts(entries, record), steps, entries,
            urls.For(run, time.GetUtcNow() + policy.Lifetime));
    }

    public async Task<Overview> GetOverviewAsync(CancellationToken cancellation = default)
    {
        var (waiting, oldest) = await index.CountAsync(RunState.Waiting);
        return new Overview(await routes.GetAsync(), waiting, oldest,
            connection.Capacity is { } capacity ? new StoreFill(capacity.Used, capacity.Limit) : null);
    }

    public Task<ActionResult> ActAsync(RunId run, RunAction action, string who, CancellationToken cancellation = default) =>
        commands.ActAsync(run, action, who);

    private async Task<bool> FitsAsync(RunQuery query, RunRecord run, bool stepIsIndexed) =>
        (query.State is null || run.State == query.State)
        && (!query.Paused || (run.Paused && !run.State.HasEnded()))
        && (query.Route is null || run.Route.Equals(query.Route, StringComparison.OrdinalIgnoreCase))
        && (query.After is null || run.StartedAt >= query.After)
        && (query.Before is null || run.StartedAt < query.Before)
        && (query.Step is null || stepIsIndexed || await records.HasStepAsync(run.Id, query.Step));

    private static DateTimeOffset Later(DateTimeOffset? one, DateTimeOffset other) => one > other ? one.Value : other;

    private static string Cursor(RunPlace place) =>
        System.Buffers.Text.Base64Url.EncodeToString(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture,
            $"{place.Started} {place.Id}")));

    internal static RunPlace ParseCursor(string text)
    {
        var decoded = Encoding.ASCII.GetString(System.Buffers.Text.Base64Url.DecodeFromChars(text));
        return decoded.Split(' ') is [var started, var id]
            && long.TryParse(started, NumberStyles.None, CultureInfo.InvariantCulture, out var milliseconds)
            && RunId.TryParse(id, out var run)
            ? new RunPlace(milliseconds, run)
            : throw new FormatException("The cursor is invalid. Start without a cursor.");
    }

    private static long? Milliseconds(DateTimeOffset? at) => at?.ToUnixTimeMilliseconds();
}
