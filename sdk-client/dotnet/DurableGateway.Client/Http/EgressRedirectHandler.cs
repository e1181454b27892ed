using System;
using System.Collections.Generic;
using System.Net;
using System.Net.Http;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;

namespace DurableGateway.Client.Http;

/// <summary>
/// Follows redirects in place of the primary handler, which would take our headers to another origin: any service that is called could
/// collect the token by a redirect to itself.
/// </summary>
/// <remarks>
/// It is below all other handlers, as the redirects of the primary handler are, so that none of them sees the request to another origin and
/// adds credentials to it. The request that it got stays as it is: a handler above may send it again.
/// </remarks>
internal sealed class EgressRedirectHandler : DelegatingHandler
{
    /// <summary>How many redirects the handlers followed that no longer do so. Several clients may share one.</summary>
    private static readonly ConditionalWeakTable<HttpMessageHandler, StrongBox<int>> Limits = new();

    private static readonly HashSet<string> OfTheOrigin = new(StringComparer.OrdinalIgnoreCase)
    {
        DurableHeaders.EgressToken, DurableHeaders.InStep, "Cookie", "Host", "Proxy-Authorization",
    };

    private readonly int _limit;

    private EgressRedirectHandler(HttpMessageHandler primary, int limit)
        : base(primary) => _limit = limit;

    /// <summary>Makes the primary handler not follow redirects, and puts this one above it if it did.</summary>
    /// <param name="top">The topmost handler, which has sent nothing yet.</param>
    public static void Insert(DelegatingHandler top)
    {
        var last = top;
        while (last.InnerHandler is DelegatingHandler inner) last = inner;
        if (last is EgressRedirectHandler || last.InnerHandler is not { } primary) return;
        if (LimitOf(primary) is { } limit) last.InnerHandler = new EgressRedirectHandler(primary, limit);
    }

    /// <inheritdoc/>
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var response = await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
        for (var count = 0; count < _limit && Next(request, response) is { } next; count++)
        {
            response.Dispose();
            request = next;
            response = await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
        }

        return response;
    }

#if NET
    /// <inheritdoc/>
    protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var response = base.Send(request, cancellationToken);
        for (var count = 0; count < _limit && Next(request, response) is { } next; count++)
        {
            response.Dispose();
            request = next;
            response = base.Send(request, cancellationToken);
        }

        return response;
    }
#endif

    private static int? LimitOf(HttpMessageHandler primary)
    {
        lock (Limits)
        {
            if (Limits.TryGetValue(primary, out var known)) return known.Value;
            int? limit = null;
            try
            {
                switch (primary)
                {
#if NET
                    case SocketsHttpHandler { AllowAutoRedirect: true } sockets:
                        sockets.AllowAutoRedirect = false;
                        limit = sockets.MaxAutomaticRedirections;
                        break;
#endif
                    case HttpClientHandler { SupportsRedirectConfiguration: true, AllowAutoRedirect: true } handler:
                        handler.AllowAutoRedirect = false;
                        limit = handler.MaxAutomaticRedirections;
                        break;
                }
            }
            catch (InvalidOperationException e)
            {
                throw new InvalidOperationException(
                    "The primary handler of a client for the egress listener has been used already, and follows redirects. " +
                    "Use another one, or set AllowAutoRedirect to false.", e);
            }

            if (limit is { } value) Limits.Add(primary, new StrongBox<int>(value));
            return limit;
        }
    }

    /// <summary>
    /// What follows a response; <see langword="null"/> if it is the last one. The rules are those of <see cref="HttpClient"/>.
    /// </summary>
    private static HttpRequestMessage? Next(HttpRequestMessage request, HttpResponseMessage response)
    {
        var status = (int)response.StatusCode;
        if (status is not (300 or 301 or 302 or 303 or 307 or 308)) return null;
        if (request.RequestUri is not { } from || response.Headers.Location is not { } location) return null;
        var to = location.IsAbsoluteUri ? location : new Uri(from, location);
        if (to.Scheme != Uri.UriSchemeHttps && (to.Scheme != Uri.UriSchemeHttp || from.Scheme == Uri.UriSchemeHttps)) return null;
        if (to.Fragment.Length == 0 && from.Fragment.Length > 0) to = new UriBuilder(to) { Fragment = from.Fragment.TrimStart('#') }.Uri;

        var becomesGet = response.StatusCode == HttpStatusCode.SeeOther
            ? request.Method != HttpMethod.Get && request.Method != HttpMethod.Head
            : status is 300 or 301 or 302 && request.Method == HttpMethod.Post;
        var next = new HttpRequestMessage(becomesGet ? HttpMethod.Get : request.Method, to)
        {
            Version = request.Version,
            Content = becomesGet ? null : request.Content,
        };
#if NET
        next.VersionPolicy = request.VersionPolicy;
        foreach (var option in request.Options) ((IDictionary<string, object?>)next.Options)[option.Key] = option.Value;
#else
        foreach (var property in request.Properties) next.Properties[property.Key] = property.Value;
#endif
        var isSameOrigin = from.Scheme == to.Scheme && from.Port == to.Port &&
            string.Equals(from.IdnHost, to.IdnHost, StringComparison.OrdinalIgnoreCase);
        foreach (var header in request.Headers)
        {
            if (isSameOrigin || !OfTheOrigin.Contains(header.Key)) next.Headers.TryAddWithoutValidation(header.Key, header.Value);
        }

        next.Headers.Authorization = null;
        if (becomesGet) next.Headers.TransferEncodingChunked = null;
        return next;
    }
}
