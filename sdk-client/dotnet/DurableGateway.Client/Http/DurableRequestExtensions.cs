using System;
using System.Net.Http;

namespace DurableGateway.Client.Http;

/// <summary>Registers callbacks of a request, which <see cref="DurableClientHandler"/> calls.</summary>
public static class DurableRequestExtensions
{
    private const string ProgressKey = "DurableGateway.Client.Progress";
    private const string ResultUrlKey = "DurableGateway.Client.ResultUrl";

    /// <summary>Reports the progress of the run while the handler waits for the result.</summary>
    /// <param name="request">The request.</param>
    /// <param name="progress">Receives the progress.</param>
    /// <returns>The request.</returns>
    public static HttpRequestMessage OnProgress(this HttpRequestMessage request, IProgress<RunProgress> progress)
    {
        Set(request, ProgressKey, progress ?? throw new ArgumentNullException(nameof(progress)));
        return request;
    }

    /// <summary>
    /// Reports the result URL as soon as it is known. Store it to get the result after a restart. It is a capability: anyone who has it
    /// can read the result.
    /// </summary>
    /// <param name="request">The request.</param>
    /// <param name="known">Receives the URL.</param>
    /// <returns>The request.</returns>
    public static HttpRequestMessage OnResultUrl(this HttpRequestMessage request, Action<Uri> known)
    {
        Set(request, ResultUrlKey, known ?? throw new ArgumentNullException(nameof(known)));
        return request;
    }

    internal static IProgress<RunProgress>? ProgressOf(this HttpRequestMessage request) =>
        Get<IProgress<RunProgress>>(request, ProgressKey);

    internal static void TellResultUrl(this HttpRequestMessage request, Uri at) => Get<Action<Uri>>(request, ResultUrlKey)?.Invoke(at);

#if NETSTANDARD2_0
    private static void Set<T>(HttpRequestMessage request, string key, T value)
    {
        if (request is null) throw new ArgumentNullException(nameof(request));
        request.Properties[key] = value!;
    }

    private static T? Get<T>(HttpRequestMessage request, string key)
        where T : class => request.Properties.TryGetValue(key, out var value) ? value as T : null;
#else
    private static void Set<T>(HttpRequestMessage request, string key, T value)
    {
        ArgumentNullException.ThrowIfNull(request);
        request.Options.Set(new HttpRequestOptionsKey<T>(key), value);
    }

    private static T? Get<T>(HttpRequestMessage request, string key)
        where T : class => request.Options.TryGetValue(new HttpRequestOptionsKey<T>(key), out var value) ? value : null;
#endif
}
