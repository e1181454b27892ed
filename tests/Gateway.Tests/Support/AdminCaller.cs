using System.Net;
using System.Text.Json;

namespace DurableGateway.Tests.Support;

/// <summary>Calls the admin API of a world's gateway.</summary>
internal static class AdminCaller
{
    private static readonly HttpClient Http = new();

    public static async Task<CallAnswer> CallAsync(
        this World world, HttpMethod method, string path, object? body = null, string? key = null)
    {
        using var call = new HttpRequestMessage(method, new Uri(world.Gateway.Control, "/_durable/v1/admin/" + path));
        if (body is not null) call.Content = JsonContent.Create(body);
        if (key is not null) call.Headers.Authorization = new("Bearer", key);
        using var answer = await Http.SendAsync(call).WaitAsync(World.Patience);
        var headers = answer.Headers.Concat(answer.Content.Headers).ToDictionary(
            header => header.Key, header => string.Join(", ", header.Value), StringComparer.OrdinalIgnoreCase);
        return new CallAnswer(answer.StatusCode, headers, await answer.Content.ReadAsByteArrayAsync());
    }

    public static async Task<JsonElement> GetJsonAsync(this World world, string path)
    {
        var answer = await world.CallAsync(HttpMethod.Get, path);
        Assert.True(answer.Status == HttpStatusCode.OK, answer.Text);
        return answer.Json;
    }

    public static Task<CallAnswer> ActAsync(this World world, string run, string action, object? body = null) =>
        world.CallAsync(HttpMethod.Post, $"runs/{run}/{action}", body);

    public static async Task DoAsync(this World world, string run, string action, object? body = null)
    {
        var answer = await world.ActAsync(run, action, body);
        Assert.True(answer.Status == HttpStatusCode.OK, answer.Text);
    }

    public static async Task<string[]> IdsAsync(this World world, string query) =>
        [.. (await world.GetJsonAsync("runs?" + query)).GetProperty("runs").EnumerateArray().Select(run =>
            run.GetProperty("id").GetString()!)];

    /// <summary>Starts a run that fails its first attempt, and returns its id.</summary>
    public static async Task<string> ParkedRunAsync(this World world) =>
        new Uri(world.Gateway.Public, await world.ParkAsync()).Segments[^1];
}
