using System.Net.Http.Headers;
using System.Text.Json;
using DurableGateway.Runs;

namespace DurableGateway.Cli;

/// <summary>A client of the admin API over HTTP, with a key if the gateway requires one.</summary>
internal sealed class AdminClient : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>The maximum of runs that the error for an ambiguous prefix names.</summary>
    private const int MaxNamed = 10;

    private readonly HttpClient _http;

    /// <exception cref="UriFormatException">The URL is not an absolute HTTP or HTTPS URL.</exception>
    public AdminClient(string url, string? key)
    {
        var address = new Uri(url.TrimEnd('/') + Admin.AdminEndpoints.Path + "/", UriKind.Absolute);
        if (address.Scheme is not ("http" or "https")) throw new UriFormatException(url);
        _http = new HttpClient { BaseAddress = address, Timeout = Patience };
        if (key is not null) _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
    }

    public Task<JsonElement> ListAsync(
        string? state, string? route, string? search, string? after, int limit, CancellationToken cancellation)
    {
        (string Name, string? Value)[] filters = [("state", state), ("route", route), ("search", search),
            ("after", after), ("limit", $"{limit}")];
        return GetAsync("runs?" + string.Join('&', filters.Where(filter => filter.Value is not null).Select(filter =>
            $"{filter.Name}={Uri.EscapeDataString(filter.Value!)}")), cancellation);
    }

    public Task<JsonElement> GetAsync(string path, CancellationToken cancellation) => SendAsync(HttpMethod.Get, path, cancellation);

    public Task<JsonElement> PostAsync(string path, CancellationToken cancellation, object? body = null) =>
        SendAsync(HttpMethod.Post, path, cancellation, body);

    /// <summary>Resolves a run id or its prefix to the run id.</summary>
    /// <exception cref="AdminRefusalException">No run matches, or several runs match.</exception>
    public async Task<string> ResolveAsync(string given, CancellationToken cancellation)
    {
        if (RunIdPrefix.Parse(given) is not { } prefix) return given;
        var page = await ListAsync(null, null, given, null, MaxNamed, cancellation);
        var ids = page.GetProperty("runs").EnumerateArray().Select(run => run.GetProperty("id").GetString()!)
            .Where(id => id.StartsWith(prefix.Text, StringComparison.Ordinal)).ToArray();
        return ids switch
        {
            [var only] => only,
            [] => throw new AdminRefusalException($"No run has an id that begins with {given}."),
            _ => throw new AdminRefusalException(
                $"Several runs have an id that begins with {given}:{string.Concat(ids.Select(id => $"{Environment.NewLine}  {id}"))}"),
        };
    }

    public void Dispose() => _http.Dispose();

    private async Task<JsonElement> SendAsync(HttpMethod method, string path, CancellationToken cancellation, object? body = null)
    {
        try
        {
            using var request = new HttpRequestMessage(method, path);

            // HttpClient retries a request without content on its own. A request with empty content is sent once.
            if (body is not null) request.Content = JsonContent.Create(body);
            else if (method == HttpMethod.Post) request.Content = new ByteArrayContent([]);
            using var answer = await _http.SendAsync(request, cancellation);
            var text = await answer.Content.ReadAsStringAsync(cancellation);
            using var document = JsonDocument.Parse(text);
            var root = document.RootElement.Clone();
            return answer.IsSuccessStatusCode ? root : throw new AdminRefusalException(Explain(root));
        }
        catch (HttpRequestException e)
        {
            throw new AdminRefusalException($"{_http.BaseAddress!.GetLeftPart(UriPartial.Authority)} does not answer: {e.Message}");
        }
        catch (TaskCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new AdminRefusalException($"{_http.BaseAddress!.GetLeftPart(UriPartial.Authority)} did not answer "
                + $"within {Patience.TotalSeconds} s.");
        }
        catch (JsonException)
        {
            throw new AdminRefusalException($"{_http.BaseAddress!.GetLeftPart(UriPartial.Authority)} is not the "
                + "control listener of a gateway.");
        }
    }

    private static string Explain(JsonElement problem)
    {
        var title = problem.TryGetProperty("title", out var said) ? said.GetString() : "The gateway refused the request";
        return problem.TryGetProperty("detail", out var detail) && detail.ValueKind == JsonValueKind.String
            ? $"{title}: {detail.GetString()}"
            : $"{title}.";
    }
}
