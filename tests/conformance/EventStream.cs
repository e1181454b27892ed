using System.Net;
using System.Text;
using System.Text.RegularExpressions;

namespace DurableGateway.Conformance;

/// <summary>Reads a stream of events as an <c>EventSource</c> does: after a lost connection, it goes on after the last event.</summary>
internal static partial class EventStream
{
    public const string MediaType = "text/event-stream";

    /// <returns>The events, each of them whole.</returns>
    public static async Task<byte[]> ReadAsync(HttpClient client, HttpResponseMessage first, CancellationToken gaveUp)
    {
        var events = new StringBuilder();
        var response = first;
        while (true)
        {
            var part = new StringBuilder();
            try
            {
                using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(gaveUp));
                var buffer = new char[4096];
                while (await reader.ReadAsync(buffer, gaveUp) is > 0 and var count) part.Append(buffer, 0, count);
                return Encoding.UTF8.GetBytes(events.Append(part).ToString());
            }
            catch (Exception e) when (e is IOException or HttpRequestException && first.Headers.Contains("Durable-Result"))
            {
                // What has come of the next event comes again.
                var end = part.ToString().LastIndexOf("\n\n", StringComparison.Ordinal);
                events.Append(part.ToString(0, end < 0 ? 0 : end + 2));
            }

            var result = new Uri(first.RequestMessage!.RequestUri!, first.Headers.GetValues("Durable-Result").First());
            using var again = new HttpRequestMessage(HttpMethod.Get, result);
            again.Headers.Accept.ParseAdd(MediaType);
            if (Id().Matches(events.ToString()).LastOrDefault() is { } last) again.Headers.Add("Last-Event-ID", last.Groups[1].Value);
            response = await client.SendAsync(again, HttpCompletionOption.ResponseHeadersRead, gaveUp);
            if (response.StatusCode == HttpStatusCode.NoContent) return Encoding.UTF8.GetBytes(events.ToString());
        }
    }

    [GeneratedRegex("^id: (.*)$", RegexOptions.Multiline)]
    private static partial Regex Id();
}
