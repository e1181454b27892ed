using System.Net;
using System.Text;

namespace DurableGateway.Tests.Support;

/// <summary>Sends checkpoints as an SDK does.</summary>
internal static class Checkpoint
{
    private static readonly HttpClient Http = new();

    /// <returns>The status of the answer; 0 if there was none.</returns>
    public static async Task<HttpStatusCode> PutAsync(
        SeenRequest request, string step, string json, params (string Name, string Value)[] headers)
    {
        using var call = new HttpRequestMessage(HttpMethod.Put, $"{request["Durable-Callback"]}/steps/{step}")
        {
            Content = new ByteArrayContent(Encoding.UTF8.GetBytes(json)),
        };
        call.Content.Headers.ContentType = new("application/json");
        call.Headers.Add("Durable-Token", request["Durable-Token"]);
        foreach (var (name, value) in headers) call.Headers.Add(name, value);
        try
        {
            using var answer = await Http.SendAsync(call);
            return answer.StatusCode;
        }
        catch (HttpRequestException)
        {
            return 0;
        }
    }
}
