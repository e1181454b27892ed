using DurableGateway.Storage;

namespace DurableGateway.Admin;

/// <summary>
/// Probes: alive as long as the process answers; ready while the store does, also a full one: its node is the only one that serves
/// plain traffic, results and the runs under way.
/// </summary>
internal static class Health
{
    public static bool IsProbe(PathString path) => path == "/healthz" || path == "/readyz";

    public static void MapHealth(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/healthz", () => Microsoft.AspNetCore.Http.Results.Text("alive"));
        routes.MapGet("/readyz", (StoreConnection store) => store.IsReady
            ? Microsoft.AspNetCore.Http.Results.Text(store.Capacity is { IsFull: true }
                ? "ready; the store is full, and new runs are refused"
                : "ready")
            : Microsoft.AspNetCore.Http.Results.Text("the store does not answer", statusCode: StatusCodes.Status503ServiceUnavailable));
    }
}
